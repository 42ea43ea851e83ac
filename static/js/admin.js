// The administration with script: choose all rows, count the chosen ones, suggestions while one types, progress.
// Without script everything works too: rows are chosen one by one, names are typed whole.

const acts = document.querySelector("[data-acts]");
if (acts) {
  const boxes = [...document.querySelectorAll('input[name="rowid"]')];
  const all = document.querySelector("[data-all]");
  const said = acts.querySelector("[data-chosen]");
  const count = () => {
    const chosen = boxes.filter((box) => box.checked).length;
    said.textContent = chosen ? said.dataset.words.replace("{n}", chosen) : "";
    if (all) {
      all.checked = chosen === boxes.length;
      all.indeterminate = chosen > 0 && chosen < boxes.length;
    }
  };
  if (all) {
    all.hidden = false;
    all.addEventListener("change", () => {
      for (const box of boxes) box.checked = all.checked;
      count();
    });
  }
  for (const box of boxes) box.addEventListener("change", count);
  count();
}

const lookupAddress = () => {
  // The list, the form and the page that asks are siblings: /admin/<screen>/<page>/.
  const screen = location.pathname.split("/").slice(0, 3).join("/");
  return `${screen}/ajax/lookup/`;
};

for (const input of document.querySelectorAll("input[data-lookup]")) {
  const list = document.getElementById(input.getAttribute("list"));
  let waiting = 0;
  let asked = "";
  input.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(async () => {
      const typed = input.value.trim();
      if (typed.length < 2 || typed === asked) return;
      asked = typed;
      const query = new URLSearchParams({ name: input.dataset.lookup, query: typed });
      const answer = await fetch(`${lookupAddress()}?${query}`, { headers: { Accept: "application/json" } });
      if (!answer.ok || asked !== typed) return;
      const { found } = await answer.json();
      list.replaceChildren(
        ...found.map(({ value, label }) => {
          const option = document.createElement("option");
          option.value = value;
          if (label) option.label = `${value} · ${label}`;
          return option;
        }),
      );
    }, 200);
  });
}

// What is under way is asked again and drawn in its place; once it is over, the whole page tells how it went.
const lookAgain = async (panel) => {
  const answer = await fetch(location.href).catch(() => null);
  const fresh = answer?.ok && new DOMParser().parseFromString(await answer.text(), "text/html");
  const now = fresh && fresh.querySelector("[data-again]");
  if (fresh && !now) return location.reload();
  if (now) {
    for (const part of ["[role=status]", ".meter"]) panel.querySelector(part)?.replaceWith(now.querySelector(part));
  }
  setTimeout(lookAgain, panel.dataset.again * 1000, panel);
};
const underWay = document.querySelector("[data-again]");
if (underWay) setTimeout(lookAgain, underWay.dataset.again * 1000, underWay);

document.querySelector(".error-summary, .foreseen")?.focus();
