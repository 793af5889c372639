// The sign-in pages: show the password, say how good a new one is, and do not send a form twice.
for (const button of document.querySelectorAll('[data-reveal]')) {
  button.hidden = false;
  button.addEventListener('click', () => {
    const input = document.getElementById(button.dataset.reveal);
    const shown = input.type === 'password';
    input.type = shown ? 'text' : 'password';
    button.setAttribute('aria-pressed', shown);
    button.setAttribute('aria-label', shown ? 'Hide password' : 'Show password');
    input.focus();
  });
}

const words = ['Too short. Eight characters or more.', 'Fair. Longer is better.', 'Good. A few more characters make it strong.', 'Strong.'];
const strength = text => {
  if (text.length < 8) return 0;
  const kinds = [/[a-z]/, /[A-Z]/, /\d/, /[^A-Za-z\d]/].filter(kind => kind.test(text)).length;
  return Math.min(3, 1 + (text.length >= 12) + (text.length >= 16 || kinds >= 3));
};
for (const meter of document.querySelectorAll('[data-strength]')) {
  const input = document.getElementById(meter.dataset.strength);
  const hint = document.getElementById(meter.dataset.hint);
  const plain = hint.textContent;
  input.addEventListener('input', () => {
    meter.hidden = !input.value;
    const level = strength(input.value);
    [...meter.children].forEach((bar, index) => bar.classList.toggle('o', index > level));
    hint.textContent = input.value ? words[level] : plain;
    meter.setAttribute('aria-label', `Strength: ${words[level]}`);
  });
}

for (const form of document.forms) {
  form.addEventListener('submit', () => {
    const button = form.querySelector('[type="submit"]');
    // After the submission has read the form; and again usable when the page comes back from the cache.
    setTimeout(() => { button.disabled = true; });
    addEventListener('pageshow', () => { button.disabled = false; }, { once: true });
  });
}
