// What makes writing smoother: the toolbar over a text, files that leave at once with their progress, pictures in their
// place, drafts kept by the server, advice. All of it works without this file too; the server decides everything again.

const { words, all, fill, build, icon } = globalThis.guichet;

// ---- Formatting ----------------------------------------------------------------------------------------------

// Writing by the browser's own command keeps "undo" working; where it does not exist, the text is set directly.
function write(area, text, start, end) {
  area.focus();
  area.setSelectionRange(start, end);
  if (!document.execCommand(text ? "insertText" : "delete", false, text)) {
    area.setRangeText(text, start, end, "end");
    area.dispatchEvent(new Event("input", { bubbles: true }));
  }
}

function wrap(area, before, after, placeholder) {
  const { selectionStart: start, selectionEnd: end, value } = area;
  const chosen = value.slice(start, end);
  const outside =
    value.slice(start - before.length, start) === before && value.slice(end, end + after.length) === after &&
    // One star inside two is bold, not italic.
    (before !== "*" || value[start - 2] !== "*");
  if (chosen && outside) {
    write(area, chosen, start - before.length, end + after.length);
    area.setSelectionRange(start - before.length, end - before.length);
    return;
  }
  const text = chosen || placeholder;
  write(area, before + text + after, start, end);
  area.setSelectionRange(start + before.length, start + before.length + text.length);
}

function prefix(area, mark) {
  const { selectionStart, selectionEnd, value } = area;
  const start = value.lastIndexOf("\n", selectionStart - 1) + 1;
  const next = value.indexOf("\n", selectionEnd);
  const end = next === -1 ? value.length : next;
  const lines = (value.slice(start, end) || words.item).split("\n");
  const listed = /^(?:- |> |\d+\. )/;
  const already = lines.every((line, index) => line.startsWith(mark(index)));
  const text = lines.map((line, index) => (already ? "" : mark(index)) + line.replace(listed, "")).join("\n");
  const gap = !already && start > 0 && value[start - 2] !== undefined && value[start - 2] !== "\n" && !listed.test(value.slice(value.lastIndexOf("\n", start - 2) + 1)) ? "\n" : "";
  write(area, gap + text, start, end);
  area.setSelectionRange(start + gap.length, start + gap.length + text.length);
}

const acts = {
  bold: (area) => wrap(area, "**", "**", words.bold),
  italic: (area) => wrap(area, "*", "*", words.italic),
  bullets: (area) => prefix(area, () => "- "),
  numbers: (area) => prefix(area, (index) => `${index + 1}. `),
  quote: (area) => prefix(area, () => "> "),
  link(area) {
    const { selectionStart: start, selectionEnd: end, value } = area;
    const chosen = value.slice(start, end);
    const address = /^https?:\/\/\S+$/.test(chosen) ? chosen : "https://";
    const label = address === chosen ? words.link : chosen || words.link;
    write(area, `[${label}](${address})`, start, end);
    if (address === chosen) area.setSelectionRange(start + 1, start + 1 + label.length);
    else area.setSelectionRange(start + label.length + 3, start + label.length + 3 + address.length);
  },
  code(area) {
    const chosen = area.value.slice(area.selectionStart, area.selectionEnd);
    if (chosen.includes("\n")) wrap(area, "```\n", "\n```", words.code);
    else wrap(area, "`", "`", words.code);
  },
};
const shortcuts = { b: "bold", i: "italic", k: "link" };

for (const bar of all("[data-editor]")) {
  const area = document.getElementById(bar.dataset.editor);
  if (!area) continue;
  if (bar.dataset.like) {
    const model = document.querySelector(`[data-editor="${bar.dataset.like}"]`);
    bar.append(...[...model.childNodes].map((child) => child.cloneNode(true)));
    const picture = bar.querySelector("[data-act=picture]");
    if (bar.dataset.pictures) picture.dataset.files = bar.dataset.pictures;
    else picture?.remove();
  }
  const buttons = all("button", bar);
  bar.hidden = false;
  bar.addEventListener("click", (event) => {
    const button = event.target.closest("button[data-act]");
    if (!button) return;
    for (const other of buttons) other.tabIndex = other === button ? 0 : -1;
    if (button.dataset.act === "picture") choosePictures(button.dataset.files, area);
    else acts[button.dataset.act]?.(area);
  });
  bar.addEventListener("keydown", (event) => {
    const at = buttons.indexOf(document.activeElement);
    const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: buttons.length - 1 }[event.key];
    if (to === undefined || at === -1) return;
    event.preventDefault();
    const next = buttons[(to + buttons.length) % buttons.length];
    for (const other of buttons) other.tabIndex = other === next ? 0 : -1;
    next.focus();
  });
  area.addEventListener("keydown", (event) => {
    const act = shortcuts[event.key.toLowerCase()];
    if (!act || !(event.ctrlKey || event.metaKey) || event.altKey || event.shiftKey) return;
    event.preventDefault();
    acts[act](area);
  });
}

// ---- Files: chosen, dropped or pasted, each leaves at once and waits on the server -----------------------------

function sizeWords(bytes) {
  const language = document.documentElement.lang;
  const number = (n, digits) => new Intl.NumberFormat(language, { maximumFractionDigits: digits }).format(n);
  if (bytes < 1000) return fill(words.bytes, { n: number(bytes, 0) });
  if (bytes < 1_000_000) return fill(words.kilobytes, { n: number(bytes / 1000, 0) });
  return fill(words.megabytes, { n: number(bytes / 1_000_000, 1) });
}

function pictureOf(file) {
  if (file.type.startsWith("image/")) return "file-earmark-image";
  if (file.type === "application/pdf") return "file-earmark-pdf";
  if (/zip|compressed|tar/.test(file.type)) return "file-earmark-zip";
  if (/spreadsheet|excel|csv/.test(file.type)) return "file-earmark-spreadsheet";
  return "file-earmark-text";
}

// What the server lets stand in a text (domain/files.py, INLINE_TYPES).
const showable = new Set(["image/png", "image/jpeg", "image/gif", "image/webp"]);
// Two at a time: the others wait, so that one large file does not slow down ten small ones for long.
const AT_ONCE = 2;

const zones = new Map(); // id of the control -> its zone
const token = (form) => form.elements.csrf_token.value;

class Zone {
  constructor(box) {
    this.box = box;
    this.input = box.querySelector("input[type=file]");
    this.form = this.input.form;
    this.list = document.querySelector(`[data-files-of="${CSS.escape(this.input.id)}"]`);
    this.said = document.querySelector(`[data-files-said="${CSS.escape(this.input.id)}"]`);
    this.limit = Number(box.dataset.maxBytes || 0);
    this.most = Number(box.dataset.maxFiles || 0);
    this.sendings = new Set();
    this.input.addEventListener("change", () => {
      const place = this.place;
      this.place = null;
      this.take([...this.input.files], place);
      this.input.value = ""; // they leave by themselves: the form must not carry them again
    });
    for (const kind of ["dragenter", "dragover"]) {
      box.addEventListener(kind, (event) => {
        if (![...event.dataTransfer.types].includes("Files")) return;
        event.preventDefault();
        box.classList.add("is-over");
      });
    }
    box.addEventListener("dragleave", (event) => {
      if (!box.contains(event.relatedTarget)) box.classList.remove("is-over");
    });
    box.addEventListener("drop", (event) => {
      event.preventDefault();
      box.classList.remove("is-over");
      this.take([...event.dataTransfer.files]);
    });
    this.adopt();
  }

  // Files that the server already had when the page was made: their buttons work without leaving the page.
  adopt() {
    for (const button of all("button[name=remove_file]", this.form)) {
      button.addEventListener("click", async (event) => {
        event.preventDefault();
        button.disabled = true;
        if (!(await this.drop(button.value))) {
          button.disabled = false;
          return;
        }
        for (const key of all("input[name=attachment_keys]", this.form)) if (key.value === button.value) key.remove();
        const line = button.closest("li, [data-kept]");
        const name = button.querySelector(".visually-hidden").textContent.trim();
        line.remove();
        this.after(name);
      });
    }
  }

  get count() {
    return this.form.querySelectorAll("input[name=attachment_keys]").length + [...this.sendings].filter((one) => !one.failed).length;
  }

  say(text) {
    this.said.textContent = text;
  }

  // area: the text in which each picture gets its place.
  take(files, area = null) {
    const refused = [];
    for (const file of files) {
      if (this.most && this.count >= this.most) {
        refused.push(this.refuse(file, fill(words.tooMany, { most: this.most })));
      } else if (this.limit && file.size > this.limit) {
        refused.push(this.refuse(file, fill(words.tooBig, { size: sizeWords(file.size), limit: sizeWords(this.limit) })));
      } else {
        const sending = new Sending(this, file, area && showable.has(file.type) ? area : null);
        this.sendings.add(sending);
      }
    }
    if (refused.length) this.say(refused.join(" "));
    this.next();
  }

  next() {
    const running = [...this.sendings].filter((one) => one.request).length;
    const waiting = [...this.sendings].filter((one) => !one.request && !one.failed);
    for (const sending of waiting.slice(0, Math.max(0, AT_ONCE - running))) sending.start();
    if (!this.busy) this.form.dispatchEvent(new CustomEvent("files-settled"));
  }

  get busy() {
    return [...this.sendings].some((one) => !one.failed);
  }

  line(file, drawing, detail) {
    const line = build(
      "li", {},
      build("span", { className: "thumb" }, icon(drawing)),
      build("span", { className: "name" }, file.name, detail),
    );
    line.dataset.chosen = "";
    this.list.append(line);
    this.list.hidden = false;
    return line;
  }

  refuse(file, reason) {
    const line = this.line(file, "file-earmark-x", build("small", { className: "c-tone" }, reason));
    line.classList.add("tone-danger");
    const button = build("button", { type: "button", className: "btn btn-quiet btn-sm", ariaLabel: fill(words.removeFile, { name: file.name }) }, words.remove);
    button.addEventListener("click", () => {
      line.remove();
      this.after(file.name);
    });
    line.append(button);
    return `${file.name}: ${reason}`;
  }

  after(name) {
    this.list.hidden = this.list.children.length === 0;
    this.say(fill(words.removed, { name }));
    (all("li button", this.list).at(-1) || this.input).focus();
    this.form.dispatchEvent(new Event("change", { bubbles: true }));
  }

  async drop(key) {
    try {
      const answer = await fetch(`/uploads/${key}/removal`, {
        method: "POST",
        headers: { Accept: "application/json", "X-CSRFToken": token(this.form) },
      });
      // One that is no longer there is as good as removed.
      if (!answer.ok && answer.status !== 404) throw new Error(String(answer.status));
    } catch {
      this.say(words.notRemoved);
      return false;
    }
    for (const area of all("textarea", this.form)) withoutPicture(area, key);
    return true;
  }
}

class Sending {
  constructor(zone, file, area) {
    Object.assign(this, { zone, file, area, failed: false, request: null, key: "" });
    this.detail = build("small", {}, `${sizeWords(file.size)} · ${words.waiting}`);
    this.line = zone.line(file, pictureOf(file), this.detail);
    this.bar = build("progress", { max: 100, value: 0, ariaLabel: fill(words.sending, { name: file.name }) });
    this.line.querySelector(".name").append(this.bar);
    this.button = build("button", { type: "button", className: "btn btn-quiet btn-sm", ariaLabel: fill(words.cancelFile, { name: file.name }) }, words.cancel);
    this.button.addEventListener("click", () => this.remove());
    this.line.append(this.button);
    if (area) this.mark();
  }

  // The place in the text is taken at once, and becomes the picture when the server has it.
  mark() {
    const { area } = this;
    this.alt = this.file.name.replace(/[[\]\n]/g, " ").trim().slice(0, 200);
    this.waitingText = `![${fill(words.sendingPicture, { name: this.alt })}]()`;
    const at = area.selectionEnd;
    const before = at > 0 && area.value[at - 1] !== "\n" ? "\n" : "";
    write(area, `${before}${this.waitingText}\n`, at, at);
  }

  start() {
    const request = (this.request = new XMLHttpRequest());
    const { zone, file } = this;
    let told = 0;
    let toldAt = Date.now();
    request.upload.addEventListener("progress", (event) => {
      if (!event.lengthComputable) return;
      const part = Math.floor((event.loaded / event.total) * 100);
      this.bar.value = part;
      this.detail.textContent = `${sizeWords(file.size)} · ${part} %`;
      // Said a few times at most, and only for what takes long.
      if (part - told >= 25 && part < 100 && Date.now() - toldAt > 3000) {
        told = part;
        toldAt = Date.now();
        zone.say(fill(words.progress, { name: file.name, part: `${part} %` }));
      }
    });
    request.addEventListener("load", () => {
      let said = {};
      try {
        said = JSON.parse(request.responseText);
      } catch {
        said = {};
      }
      if (request.status === 201) this.done(said);
      else this.fail(said.error || words.notSent, request.status >= 500 || request.status === 401 || !said.error);
    });
    for (const kind of ["error", "timeout"]) request.addEventListener(kind, () => this.fail(words.networkLost, true));
    const data = new FormData();
    data.append("csrf_token", token(zone.form));
    data.append("file", file, file.name);
    request.open("POST", zone.box.dataset.upload);
    request.setRequestHeader("Accept", "application/json");
    request.send(data);
  }

  done(said) {
    const { zone, file } = this;
    this.key = said.key;
    zone.sendings.delete(this);
    this.bar.remove();
    this.retry?.remove();
    this.line.classList.remove("tone-danger");
    this.detail.className = "";
    this.detail.textContent = `${said.size_words} · ${words.ready}`;
    this.hidden = build("input", { type: "hidden", name: "attachment_keys", value: said.key });
    this.line.append(this.hidden);
    this.button.textContent = words.remove;
    this.button.ariaLabel = fill(words.removeFile, { name: file.name });
    if (this.area) this.put();
    zone.say(fill(words.added, { name: file.name }));
    zone.form.dispatchEvent(new Event("change", { bubbles: true }));
    zone.next();
  }

  // The reference takes the place that was kept; what describes the picture is selected, to be typed over.
  put() {
    const { area } = this;
    const text = `![${this.alt}](file:${this.key})`;
    const at = area.value.indexOf(this.waitingText);
    if (at === -1) return; // the place was deleted meanwhile: the file stays among the files
    const undisturbed = document.activeElement === area && area.selectionStart === area.selectionEnd && /^\n?$/.test(area.value.slice(at + this.waitingText.length, area.selectionEnd));
    if (undisturbed) {
      write(area, text, at, at + this.waitingText.length);
      area.setSelectionRange(at + 2, at + 2 + this.alt.length);
      return;
    }
    // Somebody types elsewhere meanwhile: neither their caret nor their focus moves.
    area.setRangeText(text, at, at + this.waitingText.length, "preserve");
    area.dispatchEvent(new Event("input", { bubbles: true }));
  }

  fail(reason, again) {
    const { zone, file } = this;
    this.failed = true;
    this.request = null;
    this.bar.value = 0;
    this.bar.hidden = true;
    this.detail.className = "c-tone";
    this.detail.textContent = reason;
    this.line.classList.add("tone-danger");
    this.button.textContent = words.remove;
    this.button.ariaLabel = fill(words.removeFile, { name: file.name });
    if (again) {
      this.retry?.remove();
      this.retry = build("button", { type: "button", className: "btn btn-secondary btn-sm", ariaLabel: fill(words.retryFile, { name: file.name }) }, words.retry);
      this.retry.addEventListener("click", () => {
        this.failed = false;
        this.retry.remove();
        this.bar.hidden = false;
        this.line.classList.remove("tone-danger");
        this.detail.className = "";
        this.detail.textContent = `${sizeWords(file.size)} · ${words.waiting}`;
        this.button.focus();
        zone.next();
      });
      this.button.before(this.retry);
    } else if (this.area) {
      this.unmark();
    }
    zone.say(`${file.name}: ${reason}`);
    zone.next();
  }

  unmark() {
    const at = this.area.value.indexOf(this.waitingText);
    if (at === -1) return;
    this.area.setRangeText("", at, at + this.waitingText.length, "preserve");
    this.area.dispatchEvent(new Event("input", { bubbles: true }));
  }

  async remove() {
    const { zone, file } = this;
    this.request?.abort();
    if (this.key && !(await zone.drop(this.key))) return;
    if (!this.key && this.area) this.unmark();
    zone.sendings.delete(this);
    this.line.remove();
    zone.after(file.name);
    zone.next();
  }
}

function withoutPicture(area, key) {
  for (let at; (at = area.value.indexOf(`](file:${key})`)) !== -1; ) {
    const start = area.value.lastIndexOf("![", at);
    const end = at + `](file:${key})`.length;
    area.setRangeText("", start === -1 ? at : start, end, "preserve");
  }
}

for (const box of all("[data-drop][data-upload]")) {
  const zone = new Zone(box);
  zones.set(zone.input.id, zone);
}

function choosePictures(id, area) {
  const zone = zones.get(id);
  if (!zone) return;
  zone.place = area;
  zone.input.click();
}

// A picture pasted into a text, or anywhere on a page with one zone, is a file: it gets a name with the time.
function named(files) {
  const now = new Date();
  const two = (n) => String(n).padStart(2, "0");
  const moment = `${now.getFullYear()}-${two(now.getMonth() + 1)}-${two(now.getDate())}-${two(now.getHours())}${two(now.getMinutes())}${two(now.getSeconds())}`;
  return files.map((file, index) => {
    if (!/^image\.\w+$/.test(file.name)) return file;
    const ending = file.name.split(".").pop();
    const rank = files.length > 1 ? `-${index + 1}` : "";
    return new File([file], `${words.capture}-${moment}${rank}.${ending}`, { type: file.type });
  });
}

document.addEventListener("paste", (event) => {
  const files = [...(event.clipboardData?.files || [])];
  if (!files.length) return;
  // A spreadsheet puts a picture beside the words that are meant: inside a text, the words count.
  const area = event.target.closest?.("textarea[data-paste-to]") || null;
  if (area && event.clipboardData.getData("text/plain")) return;
  const zone = zones.get(area?.dataset.pasteTo) || (zones.size === 1 ? [...zones.values()][0] : null);
  if (!zone) return;
  event.preventDefault();
  zone.take(named(files), area);
});

for (const area of all("textarea[data-paste-to]")) {
  const zone = zones.get(area.dataset.pasteTo);
  if (!zone) continue;
  const carries = (event) => [...event.dataTransfer.types].includes("Files");
  area.addEventListener("dragover", (event) => {
    if (!carries(event)) return;
    event.preventDefault();
    area.classList.add("is-over");
  });
  area.addEventListener("dragleave", () => area.classList.remove("is-over"));
  area.addEventListener("drop", (event) => {
    area.classList.remove("is-over");
    if (!carries(event)) return;
    event.preventDefault();
    event.stopPropagation();
    zone.take([...event.dataTransfer.files], area);
  });
}

// A form that is sent while files are on their way leaves right after them.
document.addEventListener("submit", (event) => {
  const form = event.target;
  const mine = [...zones.values()].filter((zone) => zone.form === form && zone.busy);
  if (!mine.length || event.submitter?.hasAttribute("formaction")) return;
  event.preventDefault();
  event.stopPropagation();
  if (form.dataset.waits) return;
  form.dataset.waits = "1";
  const submitter = event.submitter;
  for (const zone of mine) zone.say(words.sendsAfter);
  const settled = () => {
    if (mine.some((zone) => zone.busy)) return;
    form.removeEventListener("files-settled", settled);
    delete form.dataset.waits;
    // One that did not arrive is looked at first: the person decides.
    if (mine.some((zone) => zone.sendings.size)) return;
    form.requestSubmit(submitter);
  };
  form.addEventListener("files-settled", settled);
}, true);

// ---- Drafts ----------------------------------------------------------------------------------------------------

// Half a minute of typing makes some ten saves, a pause one.
const QUIET_MS = 1500;
const LONGEST_MS = 6000;

for (const place of all("[data-draft]")) {
  const form = place.closest("form");
  const said = place.querySelector("[data-draft-said]");
  const afresh = place.querySelector("[data-draft-afresh]");
  const back = place.querySelector("[data-draft-back]");
  const known = form.elements.draft;
  const version = form.elements.draft_version;
  let timer = null;
  let dirtySince = 0;
  let running = false;
  let leaving = false;

  function content() {
    const data = new FormData(form);
    for (const [name, value] of [...data.entries()]) if (typeof value !== "string") data.delete(name);
    return new URLSearchParams(data);
  }

  function told(text) {
    if (said.textContent !== text) said.textContent = text;
  }

  function show(answer) {
    known.value = answer.draft;
    version.value = answer.version;
    // The hour alone changes at most once a minute: the line stays calm.
    told(answer.said);
    afresh.hidden = !answer.draft;
    if (answer.draft) afresh.setAttribute("formaction", answer.afresh);
    if (answer.back) {
      back.hidden = false;
      back.setAttribute("formaction", answer.back);
    }
    for (const [name, text] of Object.entries(answer.advice ?? {})) advise(name, text);
    for (const box of all("[data-advice]", form)) if (answer.advice && !(box.dataset.advice in answer.advice)) advise(box.dataset.advice, "");
  }

  function advise(name, text) {
    const box = form.querySelector(`[data-advice="${CSS.escape(name)}"]`);
    if (!box) return;
    box.hidden = !text;
    const line = box.querySelector("[role=status]");
    if (line.textContent !== text) line.textContent = text;
  }

  async function save(keepalive = false) {
    clearTimeout(timer);
    timer = null;
    if (!dirtySince || leaving || (running && !keepalive)) return;
    dirtySince = 0;
    running = true;
    try {
      const answer = await fetch(place.dataset.draft, {
        method: "POST",
        body: content(),
        headers: { Accept: "application/json" },
        keepalive,
      });
      const reply = await answer.json();
      if (leaving) return;
      if (answer.ok) show(reply);
      else {
        told(reply.error || words.draftNotKept);
        if (answer.status === 429 || answer.status >= 500) later(30_000);
      }
    } catch {
      told(words.draftNotKept);
      later(15_000);
    } finally {
      running = false;
      if (dirtySince && !timer) later(QUIET_MS);
    }
  }

  function later(wait) {
    dirtySince ||= Date.now();
    clearTimeout(timer);
    timer = setTimeout(save, Math.max(200, Math.min(wait, wait > LONGEST_MS ? wait : LONGEST_MS - (Date.now() - dirtySince))));
  }

  const typed = (event) => {
    if (event.target.type === "file" || event.target.name === "mode") return;
    later(QUIET_MS);
  };
  form.addEventListener("input", typed);
  form.addEventListener("change", typed);
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "hidden") save(true);
  });
  window.addEventListener("pagehide", () => save(true));
  // What is being sent is no draft any more: the server forgets it, and nothing is kept after it.
  form.addEventListener("submit", (event) => {
    if (!event.defaultPrevented) leaving = true;
  });
  window.addEventListener("pageshow", (event) => {
    if (event.persisted) leaving = false;
  });
}

// ---- A button that waits for what it needs ---------------------------------------------------------------------

for (const button of all("[data-needs]")) {
  const form = button.form;
  const needed = button.dataset.needs.split(" ").map((name) => form.elements[name]).filter(Boolean);
  const said = form.querySelector("[data-needs-said]");
  const look = () => {
    const waits = needed.some((field) => !field.value.trim());
    button.disabled = waits;
    if (said) said.hidden = !waits;
  };
  form.addEventListener("input", look);
  window.addEventListener("pageshow", look);
  look();
}
