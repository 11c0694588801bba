// A code is sent as soon as it is whole: <input data-digits="6">. What came along when it was pasted is the server's to take away.
(() => {
  for (const field of document.querySelectorAll("[data-digits]")) {
    const whole = new RegExp(`^[0-9]{${field.dataset.digits}}$`);
    let sent = "";
    field.addEventListener("input", () => {
      const code = field.value.normalize("NFKC").replace(/[\s()<>[\]【】.。‐‑–-]/g, "");
      if (!whole.test(code) || code === sent) return;
      sent = code;
      field.form.requestSubmit(field.form.querySelector(".primary"));
    });
    if (!document.getElementById("failed")) field.focus();
  }
})();
