// Says on the page why a passkey was not used; django-allauth's scripts would only log it.
document.addEventListener("allauth.error", (event) => {
  event.preventDefault();
  const line = document.querySelector("[data-passkey-error]");
  if (!line) return;
  line.textContent =
    event.detail.exception.name === "NotAllowedError"
      ? "The passkey was not used: the browser stopped it, or took too long. Try again."
      : "This browser could not use a passkey here. Choose another way.";
  line.hidden = false;
});
// What needs a script is shown with one alone.
for (const part of document.querySelectorAll("[data-passkey]")) part.hidden = false;
