/** What stands in for a browser with a person: `node sign-in-program.ts <authorization URL>`. Given to clients as BROWSER. */
import { createBrowser } from '../helpers/browser.ts';
import { approve, atDevLogin } from '../helpers/sdk-clients.ts';

const browser = createBrowser();
const { callback } = await approve(browser, process.argv.at(-1) ?? '', atDevLogin());
const page = await browser.get(callback.href);
if (page.status !== 200) throw new Error(`the client answered ${page.status}: ${page.text}`);
