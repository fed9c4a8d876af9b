require('./util/cache')
module.exports.Client = class Client { login (t) { this.token = t } }
