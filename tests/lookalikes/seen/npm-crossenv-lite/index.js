module.exports = function (env) { return Object.assign({}, process.env, env); };
