/*
 * ATTENTION: The "eval" devtool has been used; it is not meant for production.
 */
(() => {
  var __webpack_modules__ = ({
    "./src/index.js": ((__unused, exports, require) => {
      eval("const { label } = require(\"./src/label.js\");\nexports.widget = () => label('widget');\n\n//# sourceURL=webpack://dev-widget/./src/index.js?");
    }),
    "./src/label.js": ((__unused, exports) => {
      eval("exports.label = text => `<b>${text}</b>`;\n\n//# sourceURL=webpack://dev-widget/./src/label.js?");
    })
  });
  var cache = {};
  function load(id) {
    if (cache[id]) return cache[id].exports;
    var m = cache[id] = { exports: {} };
    __webpack_modules__[id](m, m.exports, load);
    return m.exports;
  }
  module.exports = load("./src/index.js");
})();
