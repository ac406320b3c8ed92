// Unpacks Chromium with its fonts and the libraries it links into the folder for temporary files.
import { join } from 'node:path'
import chromium, { inflate } from '@sparticuz/chromium'

const archives = join(import.meta.dirname, 'node_modules', '@sparticuz', 'chromium', 'bin')
await chromium.executablePath(archives)
// The package itself unpacks the libraries on Amazon Linux only.
await inflate(join(archives, 'al2023.tar.br'))
