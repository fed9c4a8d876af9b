declare const a: number
//@console.log('types are loaded')
