// The command `prisma`: the subcommands that LiteLLM runs, with Prisma's own schema engine.
//
// The engine is the release 6.19.0 in WebAssembly, because 5.17.0 has none. The messages are those of
// Prisma's command line, because LiteLLM reads them.
'use strict'

const fs = require('node:fs')
const path = require('node:path')
const { parseArgs } = require('node:util')
const { PrismaPg } = require('adapter-pg-6')
const { bindMigrationAwareSqlAdapterFactory } = require('driver-adapter-utils-6')
const { connect } = require('./connection')
const { endWithParent, load } = require('./wasm')

const NO_FILTERS = { externalTables: [], externalEnums: [] }
// The engine sends this before it changes a database. Its binary does not send it if the variable
// PRISMA_SCHEMA_DISABLE_ADVISORY_LOCK is set, which WebAssembly cannot read.
const TAKE_LOCK = /^SELECT pg_advisory_lock\(\d+\)$/
const DATASOURCE = {
  path: 'datasource.prisma',
  content: 'datasource client {\n  provider = "postgresql"\n  url = env("DATABASE_URL")\n}\n',
}
const OPTIONS = {
  schema: { type: 'string', default: 'schema.prisma' },
  applied: { type: 'string' },
  'rolled-back': { type: 'string' },
  'from-empty': { type: 'boolean' },
  'from-url': { type: 'string' },
  'from-schema-datamodel': { type: 'string' },
  'to-empty': { type: 'boolean' },
  'to-url': { type: 'string' },
  'to-schema-datamodel': { type: 'string' },
  script: { type: 'boolean' },
  'exit-code': { type: 'boolean' },
  file: { type: 'string' },
  'accept-data-loss': { type: 'boolean' },
  'skip-generate': { type: 'boolean' },
}

/** An error with a message in the form of Prisma's command line. */
class CommandError extends Error {}

function schemaFile(options) {
  if (!fs.existsSync(options.schema)) {
    throw new CommandError(`Could not load schema from \`${options.schema}\`: file does not exist.`)
  }
  return { path: options.schema, content: fs.readFileSync(options.schema, 'utf8') }
}

function databaseUrl() {
  if (process.env.DATABASE_URL) return process.env.DATABASE_URL
  throw new CommandError('P1012\n\nerror: Environment variable not found: DATABASE_URL.')
}

/**
 * The error of a migration, as Prisma's command line prints it.
 *
 * The engine in WebAssembly passes the error of an adapter on, where the binary gives it the code
 * P3018. Source of the text: Prisma, error message reference.
 */
function migrationError(name, { code, severity, message }) {
  return new CommandError(
    'P3018\n\nA migration failed to apply. New migrations cannot be applied before the error is ' +
      `recovered from.\n\nMigration name: ${name}\n\nDatabase error code: ${code}\n\n` +
      `Database error:\n${severity}: ${message}`,
  )
}

/** The pool of a command, the factory of adapters for the engine, and the last error of a script. */
function database(url) {
  const { pool, schema } = connect(url)
  if (process.env.PRISMA_SCHEMA_DISABLE_ADVISORY_LOCK) {
    const query = pool.query.bind(pool)
    pool.query = (given) => query(TAKE_LOCK.test(given.text) ? { ...given, text: 'SELECT 1' } : given)
  }
  const factory = new PrismaPg(pool, { schema })
  const adapt = factory.connect.bind(factory)
  let failed
  factory.connect = async () => {
    const adapter = await adapt()
    // The adapter splits a script at each semicolon, also inside of a DO block.
    adapter.executeScript = async (script) => {
      await pool.query(script).catch((error) => {
        failed = error
        adapter.onError(error)
      })
    }
    return adapter
  }
  return { pool, factory, failure: () => failed }
}

async function engineOf(files, factory) {
  const folder = path.dirname(require.resolve('@prisma/schema-engine-wasm'))
  const glue = load(
    await import(path.join(folder, 'schema_engine_bg.js')),
    path.join(folder, 'schema_engine_bg.wasm'),
    './schema_engine_bg.js',
  )
  const datamodels = files.map((file) => [file.path, file.content])
  const silent = () => {}
  return glue.SchemaEngine.new({ datamodels }, silent, bindMigrationAwareSqlAdapterFactory(factory))
}

function migrations(options) {
  const baseDir = path.resolve(path.dirname(options.schema), 'migrations')
  const names = fs
    .readdirSync(baseDir)
    .filter((name) => fs.existsSync(path.join(baseDir, name, 'migration.sql')))
    .sort()
  const script = (name) => fs.readFileSync(path.join(baseDir, name, 'migration.sql'), 'utf8')
  return {
    baseDir,
    lockfile: { path: 'migration_lock.toml', content: 'provider = "postgresql"\n' },
    shadowDbInitScript: '',
    migrationDirectories: names.map((name) => ({
      path: name,
      migrationFile: { path: 'migration.sql', content: { tag: 'ok', value: script(name) } },
    })),
  }
}

/** Run a function with the engine of the schema and its database. */
async function withEngine(options, run) {
  const file = schemaFile(options)
  const { factory, failure } = database(databaseUrl())
  const engine = await engineOf([file], factory)
  return run(engine, file, failure)
}

function deploy(options) {
  return withEngine(options, async (engine, _file, failure) => {
    const list = migrations(options)
    console.log(`${list.migrationDirectories.length} migrations found in prisma/migrations\n`)
    const input = { migrationsList: list, filters: NO_FILTERS }
    const { appliedMigrationNames: applied } = await engine.applyMigrations(input).catch((error) => {
      const [, name] = /migration_name="([^"]+)"/.exec(error.message) ?? []
      throw name && failure() ? migrationError(name, failure()) : error
    })
    if (!applied.length) {
      console.log('\nNo pending migrations to apply.')
      return
    }
    for (const name of applied) console.log(`Applying migration \`${name}\``)
    console.log('\nAll migrations have been successfully applied.')
  })
}

function resolve(options) {
  const { applied, 'rolled-back': rolledBack } = options
  return withEngine(options, async (engine) => {
    if (applied) {
      const input = { migrationName: applied, migrationsList: migrations(options) }
      await engine.markMigrationApplied(input)
      console.log(`Migration ${applied} marked as applied.`)
    } else {
      await engine.markMigrationRolledBack({ migrationName: rolledBack })
      console.log(`Migration ${rolledBack} marked as rolled back.`)
    }
  })
}

/**
 * One end of a diff: an empty schema, a schema file, or a live database.
 *
 * The engine takes a database as the source of data of a schema, and connects by the adapter.
 */
function end(options, side) {
  const { [`${side}-url`]: url, [`${side}-schema-datamodel`]: file } = options
  if (options[`${side}-empty`]) return { tag: 'empty' }
  if (file) return { tag: 'schemaDatamodel', files: [schemaFile({ schema: file })] }
  if (url) return { tag: 'schemaDatasource', files: [DATASOURCE], configDir: '.', url }
  throw new CommandError(`--${side}-empty, --${side}-url or --${side}-schema-datamodel is required.`)
}

async function diff(options) {
  const { url: fromUrl, ...from } = end(options, 'from')
  const { url: toUrl, ...to } = end(options, 'to')
  const engine = await engineOf([DATASOURCE], database(fromUrl ?? toUrl ?? databaseUrl()).factory)
  const { stdout, exitCode } = await engine.diff({
    from,
    to,
    shadowDatabaseUrl: null,
    script: Boolean(options.script),
    exitCode: Boolean(options['exit-code']),
    filters: NO_FILTERS,
  })
  process.stdout.write(stdout ?? '')
  return exitCode
}

async function execute(options) {
  const { pool } = database(databaseUrl())
  await pool.query(fs.readFileSync(options.file, 'utf8'))
  console.log('Script executed successfully.')
}

function push(options) {
  return withEngine(options, async (engine, file) => {
    const force = Boolean(options['accept-data-loss'])
    const output = await engine.schemaPush({ force, schema: { files: [file] }, filters: NO_FILTERS })
    if (output.unexecutable.length) throw new CommandError(output.unexecutable.join('\n'))
    console.log('Your database is now in sync with your Prisma schema.')
  })
}

// The images have the client, and so has LiteLLM's environment here.
const generate = async () => console.log('The client of the installed schema is generated already.')

const COMMANDS = {
  'migrate deploy': deploy,
  'migrate resolve': resolve,
  'migrate diff': diff,
  'db execute': execute,
  'db push': push,
  generate,
}

async function main(words) {
  if (words.includes('--version')) {
    console.log('prisma : 5.17.0')
    return 0
  }
  endWithParent()
  const { values, positionals } = parseArgs({ args: words, options: OPTIONS, allowPositionals: true })
  const name = positionals.join(' ')
  const command = COMMANDS[name]
  if (!command) {
    throw new CommandError(`no command \`${name}\`; there are ${Object.keys(COMMANDS).join(', ')}`)
  }
  return (await command(values)) ?? 0
}

/** The text of an error: the code of Prisma and its message. */
function text(error) {
  const { code, message } = error
  return code && !String(message).startsWith(code) ? `${code}\n\n${message}` : String(message)
}

main(process.argv.slice(2))
  .then((status) => process.exit(status))
  .catch((error) => {
    process.stderr.write(`Error: ${text(error)}\n`)
    process.exit(1)
  })
