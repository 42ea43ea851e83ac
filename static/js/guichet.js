// What makes the pages smoother. Each of them works without this file; nothing here decides anything that the
// server does not decide again. No dependency, no eval, no style attribute written in markup.

const words = JSON.parse(document.getElementById("words")?.textContent || "{}");
const all = (selector, root = document) => [...root.querySelectorAll(selector)];
const fill = (text, values) => text.replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);

function build(tag, properties = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name in node) node[name] = value;
    else node.setAttribute(name, value);
  }
  node.append(...children);
  return node;
}

// The sprite's address carries its hash: take it from an icon that the server has drawn.
const sprite = document.querySelector("svg.icon use")?.getAttribute("href").split("#")[0] || "/static/icons.svg";
function icon(name) {
  const drawing = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  drawing.setAttribute("class", "icon");
  drawing.setAttribute("aria-hidden", "true");
  drawing.setAttribute("focusable", "false");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  use.setAttribute("href", `${sprite}#i-${name}`);
  drawing.append(use);
  return drawing;
}

document.documentElement.classList.add("js");

// ---- Sending once ---------------------------------------------------------------------------------------
// The buttons are switched off after the browser has read them, or the one that was pressed would not be sent.

function guard(form) {
  form.addEventListener("submit", (event) => {
    if (form.dataset.sent) {
      event.preventDefault();
      return;
    }
    if (event.defaultPrevented) return;
    form.dataset.sent = "1";
    const pressed = event.submitter;
    setTimeout(() => {
      for (const button of all("button:not([type=button]), input[type=submit]", form)) {
        if (!button.disabled) {
          button.disabled = true;
          button.dataset.guarded = "1";
        }
      }
      pressed?.setAttribute("aria-busy", "true");
      form.setAttribute("aria-busy", "true");
    });
  });
}

function release() {
  for (const form of all("form[data-sent]")) {
    delete form.dataset.sent;
    form.removeAttribute("aria-busy");
    for (const button of all("[data-guarded]", form)) {
      button.disabled = false;
      delete button.dataset.guarded;
      button.removeAttribute("aria-busy");
    }
  }
}

all("form[data-guard]").forEach(guard);
window.addEventListener("pageshow", release); // back from the next page: the form can be sent again

// ---- Menus: they open by themselves, they also close ------------------------------------------------------

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  const inside = document.activeElement?.closest("details.menu[open]");
  for (const menu of all("details.menu[open]")) menu.open = false;
  inside?.querySelector("summary").focus();
});
document.addEventListener("click", (event) => {
  for (const menu of all("details.menu[open]")) if (!menu.contains(event.target)) menu.open = false;
});
document.addEventListener("focusin", (event) => {
  for (const menu of all("details.menu[open]")) if (!menu.contains(event.target)) menu.open = false;
});

// ---- Tabs wider than the screen: the present one is in sight ------------------------------------------------

for (const list of all(".nav-tabs")) {
  const present = list.querySelector("[aria-current]");
  if (present && list.scrollWidth > list.clientWidth) list.scrollLeft = present.parentElement.offsetLeft - list.offsetLeft - 16;
}

// ---- A refused form: begin with what has to be looked at again ---------------------------------------------

const summary = document.querySelector(".error-summary[role=alert]");
summary?.focus();
summary?.addEventListener("click", (event) => {
  const link = event.target.closest("a[href^='#']");
  const target = link && document.getElementById(link.hash.slice(1));
  if (!target) return;
  event.preventDefault();
  target.focus();
  (target.closest(".field, fieldset") || target).scrollIntoView({ block: "center" });
});

// ---- Formatting ----------------------------------------------------------------------------------------------

// Writing by the browser's own command keeps "undo" working; where it does not exist, the text is set directly.
function write(area, text, start, end) {
  area.focus();
  area.setSelectionRange(start, end);
  if (!document.execCommand("insertText", false, text)) {
    area.setRangeText(text, start, end, "end");
    area.dispatchEvent(new Event("input", { bubbles: true }));
  }
}

function wrap(area, before, after, placeholder) {
  const { selectionStart: start, selectionEnd: end, value } = area;
  const chosen = value.slice(start, end);
  const outside = value.slice(start - before.length, start) === before && value.slice(end, end + after.length) === after;
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
  const listed = /^(?:- |\d+\. )/;
  const already = lines.every((line, index) => line.startsWith(mark(index)));
  const text = lines.map((line, index) => (already ? "" : mark(index)) + line.replace(listed, "")).join("\n");
  const gap = !already && start > 0 && value[start - 2] !== undefined && value[start - 2] !== "\n" && !listed.test(value.slice(value.lastIndexOf("\n", start - 2) + 1)) ? "\n" : "";
  write(area, gap + text, start, end);
  area.setSelectionRange(start + gap.length, start + gap.length + text.length);
}

const acts = {
  bold: (area) => wrap(area, "**", "**", words.bold),
  bullets: (area) => prefix(area, () => "- "),
  numbers: (area) => prefix(area, (index) => `${index + 1}. `),
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

for (const bar of all("[data-editor]")) {
  const area = document.getElementById(bar.dataset.editor);
  if (!area) continue;
  const buttons = all("button", bar);
  bar.hidden = false;
  bar.addEventListener("click", (event) => {
    const button = event.target.closest("button[data-act]");
    if (!button) return;
    for (const other of buttons) other.tabIndex = other === button ? 0 : -1;
    if (button.dataset.act === "picture") document.getElementById(button.dataset.files)?.click();
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
    if (event.key.toLowerCase() === "b" && (event.ctrlKey || event.metaKey) && !event.altKey) {
      event.preventDefault();
      acts.bold(area);
    }
  });
}

// ---- Files: chosen, dropped or pasted, all end in the one control of the form ----------------------------------

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

const takers = new Map(); // control -> function that takes more files

for (const zone of all("[data-drop]")) {
  const input = zone.querySelector("input[type=file]");
  const list = document.querySelector(`[data-files-of="${CSS.escape(input.id)}"]`);
  const said = document.querySelector(`[data-files-said="${CSS.escape(input.id)}"]`);
  const limit = Number(zone.dataset.maxBytes || 0);
  let chosen = [];
  let tooBig = [];

  // Only files within the limit go into the control; the others stay in the list with the reason.
  function keep() {
    const transfer = new DataTransfer();
    for (const file of chosen) transfer.items.add(file);
    input.files = transfer.files;
    draw();
  }

  function draw() {
    for (const line of all("li[data-chosen]", list)) line.remove();
    for (const file of [...chosen, ...tooBig]) {
      const refused = tooBig.includes(file);
      const detail = refused
        ? build("small", { className: "c-tone" }, fill(words.tooBig, { size: sizeWords(file.size), limit: sizeWords(limit) }))
        : build("small", {}, `${sizeWords(file.size)} · ${words.ready}`);
      const button = build("button", { type: "button", className: "btn btn-quiet btn-sm", ariaLabel: fill(words.removeFile, { name: file.name }) }, words.remove);
      const line = build(
        "li", { className: refused ? "tone-danger" : "" },
        build("span", { className: "thumb" }, icon(refused ? "file-earmark-x" : pictureOf(file))),
        build("span", { className: "name" }, file.name, detail),
        button,
      );
      line.dataset.chosen = "";
      button.addEventListener("click", () => {
        const others = all("li[data-chosen] button", list);
        const at = others.indexOf(button);
        chosen = chosen.filter((other) => other !== file);
        tooBig = tooBig.filter((other) => other !== file);
        keep();
        said.textContent = fill(words.removed, { name: file.name });
        (all("li[data-chosen] button", list)[at] || all("li[data-chosen] button", list).at(-1) || input).focus();
      });
      list.append(line);
    }
    list.hidden = list.children.length === 0;
  }

  function take(files) {
    const news = [];
    for (const file of files) {
      if (chosen.some((other) => other.name === file.name && other.size === file.size && other.lastModified === file.lastModified)) continue;
      if (!input.multiple) chosen = tooBig = [];
      if (limit && file.size > limit) {
        tooBig = [...tooBig, file];
        news.push(`${file.name}, ${fill(words.tooBig, { size: sizeWords(file.size), limit: sizeWords(limit) })}`);
      } else {
        chosen = [...chosen, file];
        news.push(fill(words.added, { name: file.name }));
      }
    }
    keep();
    said.textContent = news.join(" ");
  }
  takers.set(input.id, take);

  input.addEventListener("change", () => {
    const files = [...input.files];
    if (files.length) take(files);
    else keep(); // the window of the browser was cancelled: what was chosen stays
  });
  for (const kind of ["dragenter", "dragover"]) {
    zone.addEventListener(kind, (event) => {
      if (![...event.dataTransfer.types].includes("Files")) return;
      event.preventDefault();
      zone.classList.add("is-over");
    });
  }
  zone.addEventListener("dragleave", (event) => {
    if (!zone.contains(event.relatedTarget)) zone.classList.remove("is-over");
  });
  zone.addEventListener("drop", (event) => {
    event.preventDefault();
    zone.classList.remove("is-over");
    take([...event.dataTransfer.files]);
  });
  window.addEventListener("pageshow", (event) => {
    if (event.persisted || !input.files.length || chosen.length) return;
    chosen = [...input.files]; // kept by the browser through a reload
    draw();
  });
}

// A picture pasted into a text, or anywhere on a page with one zone, is a file: it gets a name with the time.
document.addEventListener("paste", (event) => {
  const files = [...(event.clipboardData?.files || [])];
  if (!files.length) return;
  const wanted = event.target.closest?.("[data-paste-to]")?.dataset.pasteTo;
  const only = takers.size === 1 ? [...takers.keys()][0] : null;
  const take = takers.get(wanted || only);
  if (!take) return;
  event.preventDefault();
  const now = new Date();
  const two = (n) => String(n).padStart(2, "0");
  const moment = `${now.getFullYear()}-${two(now.getMonth() + 1)}-${two(now.getDate())}-${two(now.getHours())}${two(now.getMinutes())}${two(now.getSeconds())}`;
  take(files.map((file, index) => {
    if (!/^image\.\w+$/.test(file.name)) return file;
    const ending = file.name.split(".").pop();
    const rank = files.length > 1 ? `-${index + 1}` : "";
    return new File([file], `${words.capture}-${moment}${rank}.${ending}`, { type: file.type });
  }));
});

// ---- Passwords ---------------------------------------------------------------------------------------------------

for (const button of all("[data-reveal]")) {
  const input = document.getElementById(button.dataset.reveal);
  const set = (shown) => {
    input.type = shown ? "text" : "password";
    input.spellcheck = false;
    input.autocapitalize = "off";
    button.textContent = shown ? words.hide : words.show;
    button.ariaLabel = shown ? words.hidePassword : words.showPassword;
  };
  button.hidden = false;
  set(false);
  button.addEventListener("click", () => set(input.type === "password"));
  input.form?.addEventListener("submit", () => set(false)); // so that browsers offer to keep it
}

// Compare letters as people see them: case and accents do not count.
const plain = (text) => text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();

for (const list of all("[data-rules-of]")) {
  const input = document.getElementById(list.dataset.rulesOf);
  if (!input) continue;
  input.addEventListener("input", () => {
    for (const rule of all("[data-least], [data-not-in]", list)) {
      let met = null;
      if (input.value && rule.dataset.least) met = [...input.value].length >= Number(rule.dataset.least);
      if (input.value && rule.dataset.notIn) {
        const typed = plain(input.value);
        met = !rule.dataset.notIn.split(",").some((word) => word.trim().length > 2 && typed.includes(plain(word.trim())));
      }
      // Too short is not an error while one is still typing.
      const bad = met === false && !rule.dataset.least;
      rule.classList.toggle("ok", met === true);
      rule.classList.toggle("no", bad);
      rule.querySelector("use").setAttribute("href", `${sprite}#i-${met ? "check-circle-fill" : bad ? "x-circle-fill" : "circle"}`);
      const note = rule.querySelector("[data-said]");
      if (note) note.textContent = met === null ? "" : `, ${met ? words.met : words.notMet}`;
    }
  });
}

// ---- Keys ----------------------------------------------------------------------------------------------------------

document.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
  const area = event.target.closest("textarea");
  if (!area?.form) return;
  event.preventDefault();
  // The last button that sends is the one at the end of the form, not one that adds a person.
  const buttons = all("button:not([type=button]):not([name^=remove_]):not([name^=add_]):not([aria-hidden]):not(:disabled)", area.form);
  area.form.requestSubmit(buttons.at(-1) || undefined);
});

// Single keys can be switched off on the page of the profile, for those whose voice or tremor would press them; each
// browser remembers its own choice.
const KEYS = "guichet-keys";
function keysAreOff() {
  try {
    return localStorage.getItem(KEYS) === "off";
  } catch {
    return false;
  }
}
for (const box of all("[data-keys-switch] input")) {
  box.closest("[data-keys-switch]").hidden = false;
  box.checked = !keysAreOff();
  box.addEventListener("change", () => {
    try {
      if (box.checked) localStorage.removeItem(KEYS);
      else localStorage.setItem(KEYS, "off");
    } catch {
      // A browser that keeps nothing says so by the box, which goes back.
      box.checked = true;
    }
  });
}

const keys = document.querySelector("dialog[data-keys]");
if (keys) {
  const links = all("[data-queue] li a");
  const start = links.findIndex((link) => link.ariaCurrent === "true");
  const move = (step) => {
    const focused = links.indexOf(document.activeElement);
    const at = focused === -1 ? start : focused;
    const next = links[Math.min(Math.max(at + step, 0), links.length - 1)];
    next?.focus();
    next?.scrollIntoView({ block: "nearest" });
  };
  const compose = (mode) => {
    const radio = document.getElementById(`mode-${mode}`);
    if (radio) radio.checked = true;
    const area = document.querySelector(mode === "note" ? "textarea[data-note]" : "textarea[data-reply]");
    area?.focus();
    return Boolean(area);
  };
  const does = {
    j: () => (move(1), true),
    k: () => (move(-1), true),
    r: () => compose("reply"),
    n: () => compose("note"),
    "?": () => (keys.showModal(), true),
  };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented || keys.open || keysAreOff()) return;
    if (event.target.closest("input:not([type=radio]):not([type=checkbox]), textarea, select, [contenteditable]")) return;
    const act = does[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (act && act()) event.preventDefault();
  });
}

// "/" leads to the search box, unless somebody is writing: then it is a sign like any other.
document.addEventListener("keydown", (event) => {
  if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
  if (document.querySelector("dialog[open]") || keysAreOff()) return;
  if (event.target.closest("input:not([type=radio]):not([type=checkbox]), textarea, select, [contenteditable]")) return;
  const box = all("#q-top, #search-q, #articles-q").find((field) => field.offsetParent);
  if (!box) return;
  event.preventDefault();
  box.focus();
  box.select();
});

for (const button of all("[data-print]")) {
  button.hidden = false;
  button.addEventListener("click", () => window.print());
}
