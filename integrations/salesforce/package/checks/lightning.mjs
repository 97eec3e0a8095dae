// Do the Lightning components compile, by Salesforce's own compiler, and do they keep the rules of its linter?
// Usage: node checks/lightning.mjs <folder of sfdx-project.json>
import { readFileSync, readdirSync } from 'node:fs';
import { join, extname } from 'node:path';
import babel from '@babel/eslint-parser';
import { transformSync } from '@lwc/compiler';
import lwc from '@lwc/eslint-plugin-lwc';
import { Linter } from 'eslint';

const bundles = join(process.argv[2], 'force-app/main/default/lwc');
const problems = [];
const compiled = [];

const rules = Object.fromEntries(
    Object.entries(lwc.rules)
        .filter(([, rule]) => !rule.meta.deprecated)
        .map(([name]) => [`@lwc/lwc/${name}`, 'error'])
);
// Told to name what they forbid; the package uses neither wire adapters nor components of the rules' lists.
for (const name of ['no-unexpected-wire-adapter-usages', 'no-unknown-wire-adapters', 'newer-version-available']) {
    delete rules[`@lwc/lwc/${name}`];
}
// An answer to a click is awaited on purpose; every browser that Lightning supports knows async functions.
for (const name of ['no-async-await', 'no-rest-parameter', 'no-for-of', 'no-async-operation']) {
    delete rules[`@lwc/lwc/${name}`];
}

const config = {
    files: ['**/*.js'],
    languageOptions: {
        parser: babel,
        parserOptions: {
            requireConfigFile: false,
            babelOptions: {
                configFile: false,
                parserOpts: { plugins: ['classProperties', ['decorators', { decoratorsBeforeExport: false }]] }
            }
        }
    },
    plugins: { '@lwc/lwc': lwc },
    linterOptions: { reportUnusedDisableDirectives: 'error' },
    rules: {
        ...rules,
        eqeqeq: 'error',
        'no-unused-vars': 'error',
        'no-undef': 'off',
        'no-console': 'error',
        'no-alert': 'error',
        'prefer-const': 'error'
    }
};

for (const bundle of readdirSync(bundles)) {
    for (const name of readdirSync(join(bundles, bundle))) {
        if (!['.js', '.html', '.css'].includes(extname(name))) {
            continue;
        }
        const source = readFileSync(join(bundles, bundle, name), 'utf8');
        try {
            const done = transformSync(source, name, {
                namespace: 'c',
                name: bundle,
                enableDynamicComponents: false,
                apiVersion: 67
            });
            (done.warnings ?? []).forEach((warning) => problems.push(`${bundle}/${name}: ${warning.message}`));
            compiled.push(`${bundle}/${name}`);
        } catch (error) {
            problems.push(`${bundle}/${name}: ${error.message}`);
        }
        if (extname(name) === '.js') {
            new Linter({ configType: 'flat' })
                .verify(source, [config], { filename: name })
                .forEach((said) => problems.push(`${bundle}/${name}:${said.line}: ${said.message} (${said.ruleId})`));
        }
    }
}

console.log(JSON.stringify({ compiled, problems }));
process.exitCode = problems.length ? 1 : 0;
