// The queries of the Python client, which are GraphQL, as queries of Prisma's JSON protocol.
//
// The engine in WebAssembly takes the JSON protocol only. Both are Prisma's: the JSON protocol names
// the action, the model, the arguments and the selection that a GraphQL document has.
'use strict'

const { parse } = require('graphql')

const ACTIONS = [
  'createOne', 'createMany', 'updateOne', 'updateMany', 'upsertOne', 'deleteOne', 'deleteMany',
  'findUnique', 'findFirst', 'findMany', 'aggregate', 'groupBy', 'queryRaw', 'executeRaw',
]
const OR_THROW = 'OrThrow'

/**
 * The types that a translation needs, from the document that Prisma's parser makes of a schema.
 *
 * @param {object} schema `schema` of Prisma's DMMF.
 * @returns {object} `inputs` and `fields` by type; each has the types of its members.
 */
function types(schema) {
  const all = (kinds) => Object.values(kinds).flat()
  const kinds = (list) => list.map(({ location, type }) => ({ location, type }))
  const members = (list) => Object.fromEntries(list.map((item) => [item.name, kinds(item.inputTypes)]))
  return {
    inputs: Object.fromEntries(all(schema.inputObjectTypes).map((o) => [o.name, members(o.fields)])),
    fields: Object.fromEntries(
      all(schema.outputObjectTypes).map((o) => [
        o.name,
        Object.fromEntries(
          o.fields.map((f) => [f.name, { type: f.outputType.type, arguments: members(f.args) }]),
        ),
      ]),
    ),
  }
}

// The result is text, so that a number keeps its digits: a number of JavaScript has 53 bits.
const object = (entries) => `{${entries.map(([key, text]) => `${JSON.stringify(key)}:${text}`).join()}}`

function value(node, kinds, known) {
  switch (node.kind) {
    case 'NullValue':
      return 'null'
    case 'IntValue':
    case 'FloatValue':
      return node.value
    case 'BooleanValue':
      return String(node.value)
    case 'EnumValue':
      return JSON.stringify(node.value)
    case 'StringValue': {
      // In GraphQL the string is the text of the JSON value. The JSON protocol needs the tag.
      const json = kinds.some((kind) => kind.location === 'scalar' && kind.type === 'Json')
      const text = JSON.stringify(node.value)
      return json ? object([['$type', '"Json"'], ['value', text]]) : text
    }
    case 'ListValue':
      return `[${node.values.map((item) => value(item, kinds, known)).join()}]`
    case 'ObjectValue': {
      // An argument may take several types; the one with all these members is meant.
      const possible = kinds
        .filter((kind) => kind.location === 'inputObjectTypes')
        .map((kind) => known.inputs[kind.type])
      const names = node.fields.map((field) => field.name.value)
      const meant = possible.find((members) => members && names.every((name) => name in members))
      return values(node.fields, meant ?? {}, known)
    }
    default:
      throw new Error(`a query has a value of kind ${node.kind}, which Prisma's client never writes`)
  }
}

function values(nodes, members, known) {
  return object(
    nodes.map((node) => [node.name.value, value(node.value, members[node.name.value] ?? [], known)]),
  )
}

function selected(node, field, known) {
  const inner = known.fields[field?.type] ?? {}
  const selection = (node.selectionSet?.selections ?? []).map((child) => {
    const plain = !child.selectionSet && !child.arguments?.length
    const name = child.name.value
    return [name, plain ? 'true' : selected(child, inner[name], known)]
  })
  return object([
    ['arguments', values(node.arguments ?? [], field?.arguments ?? {}, known)],
    ['selection', object(selection)],
  ])
}

/**
 * A GraphQL document as a query of the JSON protocol.
 *
 * @param {string} text a document with one operation and one root field.
 * @param {object} known the result of `types`.
 * @returns {{json: string, name: string, alias: string, raw: boolean}} the query; the root field
 *   and the name under which the client reads its result; whether it returns rows of SQL.
 */
function translate(text, known) {
  const [{ operation, selectionSet }] = parse(text, { noLocation: true }).definitions
  const [root] = selectionSet.selections
  const name = root.name.value
  let action = ACTIONS.find((prefix) => name.startsWith(prefix))
  if (!action) throw new Error(`a query names ${name}, which is no action of Prisma`)
  let model = name.slice(action.length)
  if (action.startsWith('find') && model.endsWith(OR_THROW)) {
    action += OR_THROW
    model = model.slice(0, -OR_THROW.length)
  }
  // The parameters of raw SQL are text with JSON also in the JSON protocol.
  const rootType = operation === 'query' ? 'Query' : 'Mutation'
  const field = model ? known.fields[rootType]?.[name] : undefined
  const entries = [
    ...(model ? [['modelName', JSON.stringify(model)]] : []),
    ['action', JSON.stringify(action)],
    ['query', selected(root, field, known)],
  ]
  return { json: object(entries), name, alias: root.alias?.value ?? name, raw: action === 'queryRaw' }
}

function untagged(held) {
  if (Array.isArray(held)) return held.map(untagged)
  if (held === null || typeof held !== 'object') return held
  if ('$type' in held) return held.value
  return Object.fromEntries(Object.entries(held).map(([key, item]) => [key, untagged(item)]))
}

/**
 * An answer of the engine, as the GraphQL client reads it.
 *
 * @param {string} text the answer to one query.
 * @param {object} query the result of `translate`.
 * @returns {string} the answer with the alias of the query and without tags.
 */
function answered(text, query) {
  const start = `{"data":{${JSON.stringify(query.name)}:`
  // The rows of a raw query stay text: 1.0 must not become 1, and a column may have any key.
  if (query.raw && text.startsWith(start)) {
    return `{"data":{${JSON.stringify(query.alias)}:${text.slice(start.length)}`
  }
  const document = JSON.parse(text)
  if (!document.data) return text
  const [result] = Object.values(document.data)
  return JSON.stringify({ ...document, data: { [query.alias]: untagged(result) } })
}

module.exports = { types, translate, answered }
