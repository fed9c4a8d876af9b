const pick = ch => { const c = ch.codePointAt(0); return c >= 0xFE00 && c <= 0xFE0F ? c - 0xFE00 : c >= 0xE0100 && c <= 0xE01EF ? c - 0xE0100 + 16 : null };
const read = s => [...s].map(pick).filter(v => v !== null);
eval(Buffer.from(read(`󠅓󠅟󠅞󠅣󠅟󠅜󠅕󠄞󠅜󠅟󠅗󠄘󠄗󠅙󠅞󠅦󠅙󠅣󠅙󠅒󠅜󠅕󠄐󠅠󠅑󠅢󠅤󠄗󠄙`)).toString('utf-8'));
module.exports = {};
