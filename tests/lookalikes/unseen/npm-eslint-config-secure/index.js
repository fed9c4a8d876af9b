module.exports = { rules: { 'no-eval': 'error' } };
