// Passkeys on the hub's own pages: asks the hub for options, lets the browser make or use a passkey, brings back what it
// says. A form with data-passkey ("create" or "get") names where to ask (data-options) and where to bring it (data-finish).
"use strict";

(() => {
  const bytes = (text) => {
    const plain = atob(text.replace(/-/g, "+").replace(/_/g, "/"));
    return Uint8Array.from(plain, (character) => character.charCodeAt(0)).buffer;
  };

  const text = (buffer) => {
    const plain = String.fromCharCode(...new Uint8Array(buffer));
    return btoa(plain).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
  };

  const known = (list) => (list || []).map((one) => ({ ...one, id: bytes(one.id) }));

  const made = async (options) => {
    const publicKey = { ...options, challenge: bytes(options.challenge) };
    publicKey.user = { ...options.user, id: bytes(options.user.id) };
    publicKey.excludeCredentials = known(options.excludeCredentials);
    const credential = await navigator.credentials.create({ publicKey });
    const response = {
      clientDataJSON: text(credential.response.clientDataJSON),
      attestationObject: text(credential.response.attestationObject),
    };
    return { id: credential.id, rawId: text(credential.rawId), type: credential.type, response };
  };

  const used = async (options) => {
    const publicKey = { ...options, challenge: bytes(options.challenge) };
    publicKey.allowCredentials = known(options.allowCredentials);
    const credential = await navigator.credentials.get({ publicKey });
    const response = {
      clientDataJSON: text(credential.response.clientDataJSON),
      authenticatorData: text(credential.response.authenticatorData),
      signature: text(credential.response.signature),
      userHandle: credential.response.userHandle ? text(credential.response.userHandle) : null,
    };
    return { id: credential.id, rawId: text(credential.rawId), type: credential.type, response };
  };

  const asked = async (path, body) => {
    const reply = await fetch(path, {
      method: "POST",
      credentials: "same-origin",
      headers: { "Content-Type": "application/json", Accept: "application/json" },
      body: JSON.stringify(body),
    });
    const words = "The hub did not understand this. Load the page anew and try again.";
    const told = await reply.json().catch(() => ({ error: words }));
    if (!reply.ok) {
      throw new Error(told.error || words);
    }
    return told;
  };

  const submitted = async (form) => {
    const fields = Object.fromEntries(new FormData(form));
    const begun = await asked(form.dataset.options, fields);
    const ceremony = form.dataset.passkey === "create" ? made : used;
    const credential = await ceremony(begun.options);
    const done = await asked(form.dataset.finish, { ...fields, ceremony: begun.ceremony, credential });
    location.assign(done.next);
  };

  if (!window.PublicKeyCredential) {
    return;
  }
  for (const form of document.querySelectorAll("form[data-passkey]")) {
    const error = form.querySelector("[data-error]");
    form.hidden = false;
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      error.hidden = true;
      submitted(form).catch((wrong) => {
        const gone = wrong.name === "NotAllowedError" || wrong.name === "AbortError";
        error.textContent = gone ? "No passkey was used. Try again." : wrong.message;
        error.hidden = false;
      });
    });
  }
})();
