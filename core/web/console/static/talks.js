// Looks every few seconds whether something new was said, or whether a file is ready. Without it, reloading does the same.
"use strict";

const list = document.querySelector("[data-entries]");
if (list) {
  let shown = "";
  window.setInterval(async () => {
    if (document.hidden) return;
    try {
      const answer = await fetch(list.dataset.entries, { headers: { "X-Requested-With": "fetch" }, redirect: "error" });
      if (!answer.ok) return;
      const fresh = await answer.text();
      if (shown && fresh !== shown) list.innerHTML = fresh;
      shown = fresh;
    } catch {
      // The line is away: the next look will tell.
    }
  }, 4000);
}

// A window that closes while one looks says so by the page itself.
for (const timer of document.querySelectorAll("[data-until]")) {
  const left = new Date(timer.dataset.until) - Date.now();
  if (left > 0 && left < 2 ** 31) window.setTimeout(() => timer.classList.add("talk-timer-over"), left);
}

const making = document.querySelector("[data-reload]");
if (making) window.setTimeout(() => window.location.reload(), 2500);
