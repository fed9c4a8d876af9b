console.log('second part')
