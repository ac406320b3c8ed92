// Prisma's query engine: the arguments, the environment and the HTTP interface of its binary, in
// front of the same release of the engine in WebAssembly.
//
// The Python client of Prisma starts it and sends GraphQL. The interface is that of the binary
// 5.17.0: GET /status; POST / with one query or a batch; POST /transaction/start,
// /transaction/ID/commit and /transaction/ID/rollback.
'use strict'

const fs = require('node:fs')
const http = require('node:http')
const path = require('node:path')
const { bindAdapter } = require('@prisma/driver-adapter-utils')
const { PrismaPg } = require('@prisma/adapter-pg')
const { connect } = require('./connection')
const { answered, translate } = require('./graphql')
const { endWithParent, load } = require('./wasm')

// The binary answers 400 if a transaction has ended, and 500 to any other error of a transaction.
const TRANSACTION_STATUS = { P2028: 400 }

function url(schema) {
  const { OVERWRITE_DATASOURCES: overwritten } = process.env
  if (overwritten) {
    const text = overwritten.startsWith('[') ? overwritten : Buffer.from(overwritten, 'base64').toString()
    return JSON.parse(text)[0].url
  }
  const [, name] = /env\("(\w+)"\)/.exec(schema)
  if (!process.env[name]) throw new Error(`the variable ${name} is not set; the schema reads it`)
  return process.env[name]
}

function created(schema, adapter) {
  const runtime = path.join(path.dirname(require.resolve('@prisma/client/package.json')), 'runtime')
  const glue = load(
    require(path.join(runtime, 'query_engine_bg.postgresql.js')),
    path.join(runtime, 'query_engine_bg.postgresql.wasm'),
    './query_engine_bg.js',
  )
  const options = {
    datamodel: schema,
    logLevel: process.env.RUST_LOG || 'error',
    logQueries: false,
    env: {},
    ignoreEnvVarErrors: true,
    datasourceOverrides: {},
    configDir: '.',
    engineProtocol: 'json',
  }
  return new glue.QueryEngine(options, (line) => process.stderr.write(`${line}\n`), adapter)
}

async function queried(engine, known, body, transaction) {
  const request = JSON.parse(body)
  if (!request.batch) {
    const query = translate(request.query, known)
    return answered(await engine.query(query.json, '{}', transaction), query)
  }
  const queries = request.batch.map((item) => translate(item.query, known))
  const list = queries.map((query) => query.json).join()
  const batch = `{"batch":[${list}]${request.transaction ? ',"transaction":{}' : ''}}`
  const text = await engine.query(batch, '{}', transaction)
  const { batchResult } = JSON.parse(text)
  if (!batchResult) return text
  const results = batchResult.map((item, i) => answered(JSON.stringify(item), queries[i]))
  return `{"batchResult":[${results.join()}]}`
}

async function transacted(engine, route, body) {
  const [first, action] = route
  const text =
    first === 'start' ? await engine.startTransaction(body, '{}')
    : action === 'commit' ? await engine.commitTransaction(first, '{}')
    : await engine.rollbackTransaction(first, '{}')
  const failed = text ? JSON.parse(text).error_code : undefined
  return [failed ? TRANSACTION_STATUS[failed] ?? 500 : 200, text || '{}']
}

async function routed(engine, known, request, body) {
  const [, first, ...route] = request.url.split('/')
  if (request.method === 'GET') return first === 'status' ? [200, '{"status":"ok"}'] : [404, '{}']
  if (first === 'transaction') return transacted(engine, route, body)
  if (first) return [404, '{}']
  return [200, await queried(engine, known, body, request.headers['x-transaction-id'])]
}

function failure(error) {
  process.stderr.write(`query engine: ${error.stack}\n`)
  const message = String(error.message)
  const user = { is_panic: false, message, backtrace: null }
  return JSON.stringify({ errors: [{ error: message, user_facing_error: user }] })
}

/** Log the error of a driver, of which the engine passes on a number only. */
function report(adapter, text) {
  const [, id] = /Error in external connector \(id (\d+)\)/.exec(text) ?? []
  if (id === undefined) return
  process.stderr.write(`query engine: ${adapter.errorRegistry.consumeError(Number(id))?.error}\n`)
}

async function main() {
  endWithParent()
  const file = process.env.PRISMA_DML_PATH
  const schema = fs.readFileSync(file, 'utf8')
  const known = JSON.parse(fs.readFileSync(`${file}.types.json`, 'utf8'))
  const target = connect(url(schema))
  const adapter = bindAdapter(new PrismaPg(target.pool, { schema: target.schema }))
  const engine = created(schema, adapter)
  await engine.connect('{}')
  const server = http.createServer(async (request, response) => {
    const parts = []
    for await (const part of request) parts.push(part)
    const body = Buffer.concat(parts).toString()
    const [status, text] = await routed(engine, known, request, body).catch((e) => [200, failure(e)])
    report(adapter, text)
    response.writeHead(status, { 'content-type': 'application/json' })
    response.end(text)
  })
  server.keepAliveTimeout = 0
  // The client asks for localhost, which may be either loopback address.
  const port = Number(process.argv[process.argv.indexOf('-p') + 1])
  server.listen(port, '127.0.0.1')
  for (const name of ['SIGINT', 'SIGTERM']) process.on(name, () => process.exit(0))
}

main().catch((error) => {
  process.stderr.write(`query engine: ${error.stack}\n`)
  process.exit(1)
})
