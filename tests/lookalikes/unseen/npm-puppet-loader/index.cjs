exports.launch = async () => { throw new Error('no browser') }
