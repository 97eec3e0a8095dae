// Does the Apex hold together (types, methods, fields, labels, against Salesforce's own), and what does PMD say of it?
// Both run on Java and come with @salesforce/code-analyzer-pmd-engine. Usage: node checks/apex.mjs <folder of sfdx-project.json>
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join, relative, resolve } from 'node:path';

const root = resolve(process.argv[2]);
const library = join(dirname(createRequire(import.meta.url).resolve('@salesforce/code-analyzer-pmd-engine')), 'java-lib');
const classes = join(root, 'force-app/main/default/classes');
const files = readdirSync(classes)
    .filter((name) => name.endsWith('.cls'))
    .map((name) => join(classes, name));
const problems = [];
const folder = mkdtempSync(join(tmpdir(), 'apex-'));

// Two short runs: a machine that compiles itself thoroughly would take longer for it than for the work.
const QUICK = ['-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1'];

const java = (...command) =>
    execFileSync('java', [...QUICK, '-cp', join(library, '*'), ...command], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });

// Answers 4 when it found something to say; what it said counts, not the number.
function said(...command) {
    try {
        return java(...command);
    } catch (error) {
        if (!error.stdout) {
            throw error;
        }
        return error.stdout;
    }
}

// PMD's categories, and why a rule of them is not for us.
const CATEGORIES = {
    security: [],
    performance: [],
    errorprone: [],
    bestpractices: [
        // A job that is lost leaves its rows waiting, and the hourly sweep finds them.
        'QueueableWithoutFinalizer',
        // Rights are what the actions' tests are about, and these run as somebody; the ledger's run as the system, as it does.
        'ApexUnitTestClassShouldHaveRunAs'
    ],
    multithreading: [],
    design: [
        // A Flow's inputs are the fields of one class, and a class is measured with all its small methods.
        'CognitiveComplexity',
        'CyclomaticComplexity',
        'ExcessiveParameterList',
        'ExcessivePublicCount',
        'TooManyFields',
        'NcssCount',
        'AvoidBooleanMethodParameters'
    ],
    codestyle: [
        // Classes read downwards: what a caller sees comes first.
        'FieldDeclarationsShouldBeAtStart',
        // A test's name is a sentence.
        'MethodNamingConventions'
    ]
};

function ruleset() {
    const rules = Object.entries(CATEGORIES).map(
        ([category, without]) =>
            `<rule ref="category/apex/${category}.xml">${without.map((name) => `<exclude name="${name}"/>`).join('')}</rule>`
    );
    return `<?xml version="1.0"?><ruleset name="relance" xmlns="http://pmd.sourceforge.net/ruleset/2.0.0"><description>Apex</description>${rules.join('')}</ruleset>`;
}

try {
    const issues = JSON.parse(
        said('io.github.apexdevtools.apexls.CheckForIssues', '--workspace', root, '-n', '-d', 'warnings', '-f', 'json')
    );
    for (const { path, messages } of issues.files) {
        for (const { start, message } of messages) {
            problems.push(`${relative(root, path)}:${start.line}: ${message}`);
        }
    }

    writeFileSync(join(folder, 'rules.xml'), ruleset());
    writeFileSync(
        join(folder, 'in.json'),
        JSON.stringify({ ruleSetInputFile: join(folder, 'rules.xml'), runDataPerLanguage: { apex: { filesToScan: files } } })
    );
    java('com.salesforce.sfca.pmdwrapper.PmdWrapper', 'run', join(folder, 'in.json'), join(folder, 'out.json'));
    const found = JSON.parse(readFileSync(join(folder, 'out.json'), 'utf8'));
    for (const { rule, message, codeLocation } of found.violations) {
        problems.push(`${relative(root, codeLocation.file)}:${codeLocation.startLine}: ${message} (${rule})`);
    }
    for (const trouble of found.processingErrors ?? []) {
        problems.push(`${relative(root, trouble.file)}: ${trouble.message}`);
    }
} finally {
    rmSync(folder, { recursive: true, force: true });
}

console.log(JSON.stringify({ classes: files.length, problems }));
process.exitCode = problems.length ? 1 : 0;
