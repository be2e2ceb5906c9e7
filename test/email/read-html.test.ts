import { describe, expect, test } from '@jest/globals';
import { cleanHtml } from '../../channels/email/read/clean-html.ts';
import { rawOf, read, readFixture } from './read-harness.ts';

describe('HTML that an agent may be shown', () => {
  test('nothing of an attack is left: no script, form, fetch or foreign style', async () => {
    const html = (await readFixture('attack-html')).message.html!;
    for (const bad of [
      'script',
      'onload',
      'onclick',
      'onerror',
      '<form',
      '<input',
      '<iframe',
      '<svg',
      '<math',
      '<object',
      '<embed',
      '<video',
      '<link',
      '<meta',
      '<base',
      '<style',
      'url(',
      'position',
      ' background=',
      'javascript',
      ' src=',
    ])
      expect(html.toLowerCase()).not.toContain(bad);
    expect(html).toContain('<p style="color:red">Hello <b>there</b></p>');
    expect(html).toContain(
      'href="https://mail.example/ok" rel="noopener noreferrer nofollow" target="_blank"',
    );
    expect(html).toContain('Bye');
  });

  test('a remote picture loses its source and says where it would come from', () => {
    expect(cleanHtml('<img src="https://x.example/a.png" alt="A" srcset="b 2x">')).toBe(
      '<img alt="A" data-remote-src="https://x.example/a.png" />',
    );
    expect(cleanHtml('<img src="x" data-remote-src="javascript:alert(1)">')).toBe('');
  });

  test.each([
    ['<p style="background:url(//e.example)">a</p>', '<p>a</p>'],
    ['<p style="color:re\\64;width:expression(alert(1))">a</p>', '<p>a</p>'],
    ['<p style="color:red;/**/background-image:image-set(x)">a</p>', '<p style="color:red">a</p>'],
    ['<p style="color:var(--x)">a</p>', '<p>a</p>'],
    ['<a href="data:text/html,x">a</a>', '<a rel="noopener noreferrer nofollow" target="_blank">a</a>'],
    [
      '<a href="&#106;avascript:alert(1)">a</a>',
      '<a rel="noopener noreferrer nofollow" target="_blank">a</a>',
    ],
    ['<img src="cid:a@b" onerror=alert(1)>', '<img src="cid:a@b" />'],
    ['<img src=x onerror=alert(1)//', ''],
    ['<b>a<!-- <img src=x> -->b</b>', '<b>ab</b>'],
    ['<noscript><p title="</noscript><img src=x onerror=alert(1)>">', ''],
    ['<textarea><img src=x></textarea>a', 'a'],
    ['<table background="//e.example"><tr><td>a', '<table><tr><td>a</td></tr></table>'],
  ])('%s', (dirty, clean) => {
    expect(cleanHtml(dirty)).toBe(clean);
  });

  test('words of HTML alone come without style, script and tags', async () => {
    const html =
      '<style>p{}</style><script>1</script><title>t</title><p>One&nbsp;&lt;two&gt;</p><ul><li>three</ul>';
    const { message } = await read(rawOf(`From: a@b.example\r\nContent-Type: text/html\r\n\r\n${html}`));
    expect(message.text).toBe('One <two>\n * three');
  });

  test('HTML beside plain words is cleaned and not turned into words', async () => {
    const { message } = await readFixture('reply-gmail-en');
    expect(message.html).toContain('<blockquote>Dear customer');
    expect(message.text).toBe('The parcel is still not here.');
  });

  test('a mail without HTML has none', async () => {
    expect((await readFixture('reply-bottom-posted')).message.html).toBeUndefined();
  });
});
