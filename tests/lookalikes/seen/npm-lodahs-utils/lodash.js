exports.chunk = (a, n) => a.length ? [a.slice(0, n)].concat(exports.chunk(a.slice(n), n)) : [];
