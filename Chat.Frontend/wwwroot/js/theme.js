// Runs before the first paint, so that a chosen theme never flashes the other one. "system" follows the device.
(() => {
  const key = 'chat.theme';
  const read = () => { try { return localStorage.getItem(key); } catch { return null; } };
  const apply = theme => {
    if (theme === 'light' || theme === 'dark') document.documentElement.dataset.theme = theme;
    else delete document.documentElement.dataset.theme;
  };
  apply(read());
  addEventListener('storage', e => { if (e.key === key) apply(e.newValue); });
  window.chatTheme = {
    get: () => read() ?? 'system',
    set: theme => {
      try { localStorage.setItem(key, theme); } catch { /* private mode: the choice lasts for this page */ }
      apply(theme);
    },
  };
})();
