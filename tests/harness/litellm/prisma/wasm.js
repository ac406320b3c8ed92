// Loads an engine that Prisma publishes as WebAssembly.
'use strict'

const fs = require('node:fs')

/**
 * Connect the functions of an engine's JavaScript to its WebAssembly.
 *
 * @param {object} glue the JavaScript module that belongs to the engine.
 * @param {string} file the WebAssembly file.
 * @param {string} imported the module name under which the WebAssembly imports the JavaScript.
 * @returns {object} the same module, ready for use.
 */
function load(glue, file, imported) {
  // Prisma's command line prints the message of a panic that the engine stores here.
  globalThis.PRISMA_WASM_PANIC_REGISTRY ??= { set_message: (text) => process.stderr.write(`${text}\n`) }
  const module = new WebAssembly.Module(fs.readFileSync(file))
  const instance = new WebAssembly.Instance(module, { [imported]: glue })
  glue.__wbg_set_wasm(instance.exports)
  if (instance.exports.__wbindgen_start) instance.exports.__wbindgen_start()
  return glue
}

/** End this process when its parent ends, because a killed parent cannot end it. */
function endWithParent() {
  const parent = process.ppid
  const poll = () => {
    if (process.ppid !== parent) process.exit(1)
  }
  setInterval(poll, 500).unref()
}

module.exports = { load, endWithParent }
