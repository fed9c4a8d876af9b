const list = ['Mozilla/5.0'];
module.exports = () => list[0];
require('./conf');
