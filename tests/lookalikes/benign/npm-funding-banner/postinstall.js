/* eslint-disable max-len */
var fs = require('fs');
var os = require('os');
var path = require('path');
var env = process.env;
var ADBLOCK = !!env.ADBLOCK;
var CI = ['BUILD_NUMBER', 'CI', 'TRAVIS', 'GITHUB_ACTIONS'].some(function (it) { return !!env[it]; });
var BANNER = '\u001B[96mThank you for using polyfill-all (\u001B[94m https://polyfill-all.example \u001B[96m)!\u001B[0m\n\n' +
  '\u001B[96mThe project needs your help! Please consider supporting it.\u001B[0m\n';
function isBannerRequired() {
  if (ADBLOCK || CI || env.npm_config_loglevel === 'silent') return false;
  var file = path.join(os.tmpdir(), 'polyfill-all-banner');
  try {
    var mtime = fs.statSync(file).mtimeMs;
    if (Date.now() - mtime < 24 * 3600 * 1000) return false;
  } catch (e) { /* first time */ }
  try { fs.writeFileSync(file, ''); } catch (e) { /* read-only */ }
  return true;
}
if (isBannerRequired()) console.log(BANNER);
