// What Prisma's command line passes to a generator, made by Prisma's own parser in WebAssembly.
//
// node generator.js SCHEMA OUTPUT ENGINE COMMIT: writes the types of the schema, which the query
// engine reads, beside the copy of the schema in OUTPUT, and prints the parameters of the generator.
'use strict'

const fs = require('node:fs')
const path = require('node:path')
const parser = require('@prisma/prisma-schema-wasm')
const { types } = require('./graphql')

const [file, output, engine, commit] = process.argv.slice(2)
const text = fs.readFileSync(file, 'utf8')
const prismaSchema = [[path.resolve(file), text]]
const asked = { prismaSchema, datasourceOverrides: {}, ignoreEnvVarErrors: true, env: {} }
const { config } = JSON.parse(parser.get_config(JSON.stringify(asked)))
const dmmf = JSON.parse(parser.get_dmmf(JSON.stringify({ prismaSchema, noColor: true })))
const [generator] = config.generators

fs.writeFileSync(path.join(output, 'schema.prisma.types.json'), JSON.stringify(types(dmmf.schema)))
console.log(
  JSON.stringify({
    generator: { ...generator, output: { value: output, fromEnvVar: null }, isCustomOutput: true },
    otherGenerators: [],
    schemaPath: path.resolve(file),
    datamodel: text,
    dmmf,
    datasources: config.datasources,
    binaryPaths: { queryEngine: { native: engine } },
    version: commit,
  }),
)
