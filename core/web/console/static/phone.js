// Looks every two seconds whether the open phone received something new. Without it, reloading the page does the same.
"use strict";

const screen_ = document.querySelector("[data-phone]");
if (screen_) {
  const down = () => { screen_.scrollTop = screen_.scrollHeight; };
  let shown = "";
  down();
  window.setInterval(async () => {
    if (document.hidden) return;
    try {
      const answer = await fetch(screen_.dataset.phone, { headers: { "X-Requested-With": "fetch" }, redirect: "error" });
      if (!answer.ok) return;
      const fresh = await answer.text();
      if (fresh !== shown) {
        const first = shown === "";
        shown = fresh;
        screen_.innerHTML = fresh;
        if (!first) down();
      }
    } catch {
      // The line is away: the next look will tell.
    }
  }, 2000);
}
