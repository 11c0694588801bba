// How long something is still good: <p data-left="300" data-left-text="… #" data-live="id" data-over="id">. When the time is over, what
// was live goes (its text too, so that nobody copies it), and the other says so.
(() => {
  for (const told of document.querySelectorAll("[data-left]")) {
    const end = performance.now() + 1000 * Number(told.dataset.left);
    const tick = () => {
      const left = Math.ceil((end - performance.now()) / 1000);
      if (left <= 0) {
        document.getElementById(told.dataset.live).remove();
        document.getElementById(told.dataset.over).hidden = false;
        return;
      }
      told.textContent = told.dataset.leftText.replace("#", `${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")}`);
      setTimeout(tick, 250);
    };
    tick();
  }
})();
