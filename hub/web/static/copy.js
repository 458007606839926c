// A button with data-copy copies the text of the element of that id. Where the browser does not let scripts write to the
// clipboard, the button stays hidden: the text can be marked by hand.
"use strict";

(() => {
  if (!navigator.clipboard) {
    return;
  }
  for (const button of document.querySelectorAll("button[data-copy]")) {
    const words = button.textContent;
    button.hidden = false;
    button.addEventListener("click", async () => {
      const text = document.getElementById(button.dataset.copy).textContent.trim();
      const copied = await navigator.clipboard.writeText(text).then(() => true, () => false);
      button.textContent = copied ? "Copied" : "Mark it and copy it by hand";
      setTimeout(() => { button.textContent = words; }, 2000);
    });
  }
})();
