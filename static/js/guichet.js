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
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  use.setAttribute("href", `${sprite}#i-${name}`);
  drawing.append(use);
  return drawing;
}

document.documentElement.classList.add("js");

// For the scripts of single pages (static/js/writing.js), which run after this one.
globalThis.guichet = Object.freeze({ words, all, fill, build, icon });

for (const button of all("[data-print]")) {
  button.hidden = false;
  button.addEventListener("click", () => window.print());
}

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
  const buttons = all("button:not([type=button]):not([name^=remove_]):not([name^=add_]):not([name=keep_draft]):not([name^=draft_]):not([aria-hidden]):not(:disabled)", area.form);
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
