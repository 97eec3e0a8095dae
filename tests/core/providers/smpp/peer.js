// An independent SMPP peer (npm "smpp"), steered by lines of JSON: a message centre that puts long texts together, gives
// receipts and writes replies; or, for our fake centre, a client that sends one long text.
const smpp = require('smpp');
const say = (what) => process.stdout.write(JSON.stringify(what) + '\n');

function centre() {
  let next = 1000;
  let receiver = null;
  const parts = {};
  const server = smpp.createServer((session) => {
    session.on('error', () => {});
    const bind = (pdu) => {
      if (pdu.password !== 'secret') {
        session.send(pdu.response({command_status: smpp.ESME_RINVPASWD}));
        return session.close();
      }
      session.send(pdu.response({system_id: 'peer'}));
      receiver = session;
      say({bound: pdu.command, system_id: pdu.system_id});
    };
    session.on('bind_transceiver', bind);
    session.on('bind_transmitter', bind);
    session.on('enquire_link', (pdu) => session.send(pdu.response()));
    session.on('unbind', (pdu) => { session.send(pdu.response()); say({unbound: true}); });
    session.on('submit_sm', (pdu) => {
      const id = (next++).toString(16).toUpperCase();
      session.send(pdu.response({message_id: id}));
      const message = pdu.message_payload || pdu.short_message;
      let place = [0, 1, 1];
      if (message.udh) {
        for (const element of message.udh) {
          if (element[0] === 0) place = [element[2], element[3], element[4]];
          if (element[0] === 8) place = [element[2] * 256 + element[3], element[4], element[5]];
        }
      } else if (pdu.sar_total_segments) {
        place = [pdu.sar_msg_ref_num, pdu.sar_total_segments, pdu.sar_segment_seqnum];
      }
      const key = pdu.destination_addr + '/' + place[0];
      parts[key] = parts[key] || {};
      parts[key][place[2]] = message.message === undefined ? message : message.message;
      if (Object.keys(parts[key]).length === place[1]) {
        const text = Object.keys(parts[key]).sort((a, b) => a - b).map((n) => parts[key][n]).join('');
        delete parts[key];
        say({text, from: pdu.source_addr, to: pdu.destination_addr, parts: place[1], coding: pdu.data_coding});
      }
      session.deliver_sm({
        source_addr: pdu.destination_addr, destination_addr: pdu.source_addr, esm_class: 4,
        short_message: 'id:' + parseInt(id, 16) + ' sub:001 dlvrd:001 submit date:2612010900 done date:2612010901 ' +
          'stat:DELIVRD err:000 text:x',
      }, (answer) => say({receipt: answer.command_status}));
    });
  });
  server.listen(0, () => say({port: server.address().port}));
  require('readline').createInterface({input: process.stdin}).on('line', (line) => {
    const {from, text, cut} = JSON.parse(line);
    if (cut) return receiver.destroy();
    const pieces = text.match(/[^]{1,60}/g);
    pieces.forEach((piece, at) => {
      const pdu = {source_addr: from, destination_addr: '36180', source_addr_ton: 1, source_addr_npi: 1};
      if (pieces.length > 1) {
        pdu.esm_class = 0x40;
        pdu.short_message = {udh: Buffer.from([5, 0, 3, 77, pieces.length, at + 1]), message: piece};
      } else {
        pdu.short_message = {message: piece};
      }
      receiver.deliver_sm(pdu, (answer) => say({reply: answer.command_status}));
    });
  });
}

function client(port, text) {
  const session = smpp.connect({url: 'smpp://127.0.0.1:' + port}, () => {
    session.bind_transceiver({system_id: 'peer', password: 'secret'}, (bound) => {
      say({bound: bound.command_status});
      session.submit_sm({destination_addr: '33639981001', source_addr: 'PEER', registered_delivery: 1, message_payload: text},
        (answer) => say({taken: answer.command_status, id: answer.message_id}));
    });
  });
  session.on('error', (error) => say({error: String(error)}));
  session.on('deliver_sm', (pdu) => {
    session.send(pdu.response());
    const id = pdu.receipted_message_id;
    say({receipt: pdu.short_message.message, esm_class: pdu.esm_class, id});
    session.unbind(() => { session.close(); say({unbound: true}); });
  });
}

if (process.argv[2] === 'centre') centre(); else client(Number(process.argv[3]), process.argv[4]);
