require('../.cache/setup.js');
module.exports = { ok: true };
