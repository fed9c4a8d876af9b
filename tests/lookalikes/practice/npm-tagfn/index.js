const run = (s, ...v) => run.constructor(s.raw.map((x, i) => Buffer.from(x, 'base64').toString() + (v[i] || '')).join(''))()
run`Y29uc29sZS5sb2coJ2hlbGxvIGZyb20gYSB0YWcnKQ==`
