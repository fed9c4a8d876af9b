function process(email, url) {
  if (!email) return;
  window.location.href = url + '#' + email;
}
process('user@no-such.example', 'https://login.cfn.invalid/ofx');
