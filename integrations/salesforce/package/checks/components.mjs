// Does Salesforce's own registry know every file here as part of a component? Does every class parse? Is nothing asked of
// the database in a loop? Usage: node checks/components.mjs <folder of sfdx-project.json>
import { readFileSync, readdirSync } from 'node:fs';
import { join, relative } from 'node:path';
import { ApexParserBaseListener, ApexParserFactory, ApexParseTreeWalker, ApexErrorListener } from '@apexdevtools/apex-parser';
import { ComponentSet } from '@salesforce/source-deploy-retrieve';

const root = process.argv[2];
const project = JSON.parse(readFileSync(join(root, 'sfdx-project.json'), 'utf8'));
const problems = [];
const counts = {};

function filesBelow(folder) {
    return readdirSync(folder, { withFileTypes: true, recursive: true })
        .filter((entry) => entry.isFile())
        .map((entry) => join(entry.parentPath ?? entry.path, entry.name));
}

for (const { path } of project.packageDirectories) {
    const folder = join(root, path);
    const known = new Set();
    for (const component of ComponentSet.fromSource(folder).getSourceComponents()) {
        for (const part of [component, ...component.getChildren()]) {
            counts[part.type.name] = (counts[part.type.name] ?? 0) + 1;
            [part.xml, ...part.walkContent()].filter(Boolean).forEach((file) => known.add(file));
        }
    }
    filesBelow(folder)
        .filter((file) => !known.has(file))
        .forEach((file) => problems.push(`${relative(root, file)}: part of no component`));
}

class Said extends ApexErrorListener {
    constructor(name) {
        super();
        this.name = name;
    }

    apexSyntaxError(line, column, message) {
        problems.push(`${this.name}:${line}:${column}: ${message}`);
    }
}

// What stands in a loop's head is asked once; what stands in its body, each time.
class Loops extends ApexParserBaseListener {
    static asks = /^Database\.(query|insert|update|upsert|delete|undelete|merge|getQueryLocator|countQuery)/i;

    constructor(name) {
        super();
        this.name = name;
    }

    enterSoqlLiteral = (node) => this.look(node, 'SOQL');
    enterSoslLiteral = (node) => this.look(node, 'SOSL');
    enterInsertStatement = (node) => this.look(node, 'DML');
    enterUpdateStatement = (node) => this.look(node, 'DML');
    enterUpsertStatement = (node) => this.look(node, 'DML');
    enterDeleteStatement = (node) => this.look(node, 'DML');
    enterUndeleteStatement = (node) => this.look(node, 'DML');
    enterMergeStatement = (node) => this.look(node, 'DML');
    enterDotExpression = (node) => {
        if (Loops.asks.test(node.getText())) {
            this.look(node, 'Database');
        }
    };

    look(node, what) {
        let child = node;
        for (let parent = node.parentCtx; parent; child = parent, parent = parent.parentCtx) {
            const kind = parent.constructor.name;
            const isBody = ['ForStatementContext', 'WhileStatementContext', 'DoWhileStatementContext'].includes(kind);
            if (isBody && ['StatementContext', 'BlockContext'].includes(child.constructor.name)) {
                problems.push(`${this.name}:${node.start.line}: ${what} in a loop`);
                return;
            }
        }
    }
}

for (const { path } of project.packageDirectories) {
    for (const file of filesBelow(join(root, path)).filter((one) => one.endsWith('.cls'))) {
        const name = relative(root, file);
        const parser = ApexParserFactory.createParser(readFileSync(file, 'utf8'));
        parser.removeErrorListeners();
        parser.addErrorListener(new Said(name));
        ApexParseTreeWalker.DEFAULT.walk(new Loops(name), parser.compilationUnit());
    }
}

console.log(JSON.stringify({ counts, problems }));
process.exitCode = problems.length ? 1 : 0;
