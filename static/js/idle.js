// Warns a minute before a person is signed out. Another tab may have kept them signed in meanwhile:
// the server is asked, and that question is no request of the person.

const dialog = document.querySelector("[data-idle]");
const left = dialog.querySelector("[data-idle-left]");
const form = dialog.querySelector("form");
const WARNING = 60;
let timer;

const again = (seconds) => {
  clearTimeout(timer);
  timer = setTimeout(look, Math.max(1, seconds) * 1000);
};

async function look() {
  let seconds;
  try {
    const answer = await fetch(form.action, { headers: { "X-Background": "1" }, cache: "no-store" });
    seconds = answer.ok ? (await answer.json()).seconds : 0;
  } catch {
    again(10); // the network is away: nothing is known
    return;
  }
  if (seconds <= 0) {
    // The sign-in says why, and leads back here. No reload: that would send a form again.
    location.replace(location.pathname + location.search);
  } else if (seconds > WARNING) {
    if (dialog.open) dialog.close();
    again(seconds - WARNING);
  } else {
    left.textContent = seconds;
    if (!dialog.open) dialog.showModal();
    again(Math.min(seconds, 5));
  }
}

// Between two questions the number goes down by itself.
setInterval(() => {
  if (dialog.open) left.textContent = Math.max(0, left.textContent - 1);
}, 1000);

form.addEventListener("submit", async (event) => {
  if (event.submitter?.hasAttribute("formaction")) return;
  event.preventDefault();
  await fetch(form.action, { method: "POST", body: new FormData(form) });
  look();
});
dialog.addEventListener("cancel", (event) => {
  event.preventDefault(); // Escape answers the question, too
  form.requestSubmit();
});
// Also every request that htmx makes for the person counts.
document.addEventListener("htmx:afterRequest", () => again(dialog.dataset.idle - WARNING));

again(dialog.dataset.idle - WARNING);
