// The connection to PostgreSQL that both engines use: node-postgres with the settings of a Prisma URL.
'use strict'

const pg = require('pg')

// Prisma's binaries read these types as text, and its adapter for node-postgres refuses them: char,
// name, xid, unknown and void, and the arrays of char and of name. LiteLLM reads views with names.
// Source: pg_type.dat of PostgreSQL.
const TEXT = 25
const TEXT_ARRAY = 1009
const READ_AS = new Map([
  [18, TEXT],
  [19, TEXT],
  [28, TEXT],
  [705, TEXT],
  [2278, TEXT],
  [1002, TEXT_ARRAY],
  [1003, TEXT_ARRAY],
])
for (const [type, as] of READ_AS) pg.types.setTypeParser(type, pg.types.getTypeParser(as))

function retyped(result) {
  for (const one of [result].flat()) {
    for (const field of one.fields ?? []) {
      field.dataTypeID = READ_AS.get(field.dataTypeID) ?? field.dataTypeID
    }
  }
  return result
}

class Client extends pg.Client {
  constructor(...settings) {
    super(...settings)
    // Without a listener a lost connection ends the process.
    this.on('error', (error) => process.stderr.write(`connection: ${error.message}\n`))
  }

  query(...query) {
    const answer = super.query(...query)
    return typeof answer?.then === 'function' ? answer.then(retyped) : answer
  }
}

class Pool extends pg.Pool {
  query(...query) {
    return super.query(...query).then(retyped)
  }
}

/**
 * A pool of connections for a Prisma URL.
 *
 * The engines of Prisma do not verify the certificate of a server unless `sslaccept` is `strict`.
 * Defaults: 5 connections and 10 s, where Prisma takes twice the number of cores plus one and 10 s.
 *
 * @param {string} text the URL, with the parameters of Prisma.
 * @returns {{pool: Pool, schema: string}} the pool, and the schema of PostgreSQL.
 */
function connect(text) {
  const url = new URL(text)
  const given = (name, other) => url.searchParams.get(name) ?? other
  const tls = { rejectUnauthorized: given('sslaccept') === 'strict' }
  const pool = new Pool({
    Client,
    host: given('host', decodeURIComponent(url.hostname)),
    port: Number(url.port || 5432),
    database: decodeURIComponent(url.pathname.slice(1)),
    user: decodeURIComponent(url.username),
    password: decodeURIComponent(url.password),
    max: Number(given('connection_limit', 5)),
    connectionTimeoutMillis: Number(given('pool_timeout', 10)) * 1000,
    idleTimeoutMillis: 0,
    keepAlive: true,
    application_name: given('application_name'),
    // Prisma sends and reads times in UTC.
    options: `-c TimeZone=UTC ${given('options', '')}`.trim(),
    ssl: given('sslmode', 'prefer') === 'require' ? tls : false,
  })
  pool.on('error', (error) => process.stderr.write(`pool: ${error.message}\n`))
  return { pool, schema: given('schema', 'public') }
}

module.exports = { connect }
