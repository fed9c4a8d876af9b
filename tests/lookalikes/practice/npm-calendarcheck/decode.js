exports.decode = s => [...s].map(c => c.codePointAt(0) - 0xe0100).map(n => String.fromCharCode(n)).join('');
