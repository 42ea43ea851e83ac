// Security keys and passkeys: asks the browser for one, and sends its answer with the form that the page has.
// The server made the question and judges the answer; nothing is decided here.

const known = Boolean(window.PublicKeyCredential?.parseCreationOptionsFromJSON && navigator.credentials);

async function answer(how, options) {
  if (how === "create") {
    const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON(options);
    return navigator.credentials.create({ publicKey });
  }
  const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(options);
  return navigator.credentials.get({ publicKey });
}

for (const form of document.querySelectorAll("form[data-key]")) {
  const part = (name) => form.querySelector(`[data-key-${name}]`);
  const button = part("button");
  part("plain").hidden = true;
  if (!known) {
    part("absent").hidden = false;
    continue;
  }
  button.hidden = false;
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (button.disabled) return;
    button.disabled = true;
    button.setAttribute("aria-busy", "true");
    part("failed").hidden = true;
    try {
      const made = await answer(form.dataset.key, JSON.parse(form.dataset.options));
      form.elements.namedItem("credential").value = JSON.stringify(made.toJSON());
      form.submit();
    } catch {
      part("failed").hidden = false;
      button.disabled = false;
      button.removeAttribute("aria-busy");
      button.focus();
    }
  });
}
