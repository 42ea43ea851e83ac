// While a subject is typed: articles and open requests that may answer it already (REQ-10). Nothing is a step, nothing
// that was typed changes, and without this file the form is the same.

const PAUSE = 450; // milliseconds without a key before the portal is asked
const LEAST = 8; // signs; the server asks for as many

const place = document.querySelector("[data-suggestions]");
const subject = document.getElementById(place?.dataset.for || "");

if (place && subject) {
  const list = place.querySelector("ul");
  const said = place.querySelector("[role=status]");
  let timer = 0;
  let asked = "";
  let running = null;

  const clear = () => {
    place.classList.remove("callout", "tone-ours");
    list.replaceChildren();
    said.textContent = "";
  };

  const show = (answer) => {
    const lines = answer.found.map((one) => {
      const line = document.createElement("li");
      const link = document.createElement("a");
      link.href = one.url;
      // What is being written stays on this page.
      link.target = "_blank";
      link.rel = "noopener";
      link.textContent = one.title;
      const words = document.createElement("span");
      words.className = "visually-hidden";
      words.textContent = ` ${place.dataset.newWindow}`;
      link.append(words);
      const note = document.createElement("small");
      note.textContent = ` ${one.note}`;
      line.append(link, note);
      return line;
    });
    if (!lines.length) {
      clear();
      return;
    }
    place.classList.add("callout", "tone-ours");
    list.replaceChildren(...lines);
    // Said again only when it differs, so that a reader of the screen is not told at each pause.
    if (said.textContent !== answer.said) said.textContent = answer.said;
  };

  const ask = async () => {
    const text = subject.value.trim();
    if (text === asked) return;
    asked = text;
    running?.abort();
    if (text.length < LEAST) {
      clear();
      return;
    }
    running = new AbortController();
    try {
      const address = `${place.dataset.suggestions}?${new URLSearchParams({ q: text })}`;
      const answer = await fetch(address, { headers: { Accept: "application/json" }, signal: running.signal });
      if (answer.ok) show(await answer.json());
    } catch {
      // Without an answer the form goes on as before.
    }
  };

  subject.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(ask, PAUSE);
  });
}
