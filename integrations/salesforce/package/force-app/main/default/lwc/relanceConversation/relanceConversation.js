/** The messages with the person of a record page: what left, what is planned, what was answered, and a box to write in. */
import { LightningElement, api, wire } from 'lwc';
import { refreshApex } from '@salesforce/apex';
import messages from '@salesforce/apex/RelanceConversation.messages';
import write from '@salesforce/apex/RelanceConversation.write';
import callOff from '@salesforce/apex/RelanceConversation.callOff';
import ANSWERED from '@salesforce/label/c.Relance_Answered';
import CALL_OFF from '@salesforce/label/c.Relance_Call_Off';
import CALLED_OFF from '@salesforce/label/c.Relance_Called_Off';
import COST from '@salesforce/label/c.Relance_Cost';
import EMPTY from '@salesforce/label/c.Relance_No_Message_Yet';
import FROM_TEMPLATE from '@salesforce/label/c.Relance_From_Template';
import LINK_OPENED from '@salesforce/label/c.Relance_Link_Opened';
import LOADING from '@salesforce/label/c.Relance_Loading';
import NOT_LOADED from '@salesforce/label/c.Relance_Not_Loaded';
import ON_ITS_WAY from '@salesforce/label/c.Relance_On_Its_Way';
import PLANNED_FOR from '@salesforce/label/c.Relance_Planned_For';
import REFRESH from '@salesforce/label/c.Relance_Refresh';
import SEND from '@salesforce/label/c.Relance_Send';
import TITLE from '@salesforce/label/c.Relance_Conversation';
import TRY_AGAIN from '@salesforce/label/c.Relance_Try_Again';
import YOUR_MESSAGE from '@salesforce/label/c.Relance_Your_Message';

const OUT = 'slds-chat-listitem slds-chat-listitem_outbound';
const IN = 'slds-chat-listitem slds-chat-listitem_inbound';
const OUT_BUBBLE = 'slds-chat-message__text slds-chat-message__text_outbound';
const IN_BUBBLE = 'slds-chat-message__text slds-chat-message__text_inbound';

export default class RelanceConversation extends LightningElement {
    @api recordId;

    text = '';
    notice = '';
    isBusy = false;
    lines;
    hasFailed = false;

    labels = {
        callOff: CALL_OFF,
        cost: COST,
        empty: EMPTY,
        loading: LOADING,
        notLoaded: NOT_LOADED,
        refresh: REFRESH,
        send: SEND,
        title: TITLE,
        yourMessage: YOUR_MESSAGE
    };

    wired;
    // One key for one text: a second click, or a click after a broken line, is the same message.
    requestKey = crypto.randomUUID();

    @wire(messages, { recordId: '$recordId' })
    show(result) {
        this.wired = result;
        if (result.data) {
            this.lines = [...result.data].reverse().flatMap(linesOf);
        }
        this.hasFailed = Boolean(result.error);
    }

    get isLoading() {
        return !this.lines && !this.hasFailed;
    }

    get isEmpty() {
        return this.lines.length === 0;
    }

    get cannotSend() {
        return this.isBusy || this.text.trim() === '';
    }

    handleText(event) {
        this.text = event.target.value;
    }

    handleRefresh() {
        return refreshApex(this.wired);
    }

    handleSend() {
        return this.ask(async () => {
            const result = await write({ recordId: this.recordId, text: this.text, requestKey: this.requestKey });
            if (result.accepted) {
                this.text = '';
                this.requestKey = crypto.randomUUID();
            }
            return result.accepted ? ON_ITS_WAY : result.errorText;
        });
    }

    handleCallOff() {
        return this.ask(async () => {
            const result = await callOff({ recordId: this.recordId });
            return result.accepted ? CALLED_OFF : result.errorText;
        });
    }

    async ask(question) {
        this.isBusy = true;
        try {
            this.notice = await question();
        } catch {
            this.notice = TRY_AGAIN;
        } finally {
            this.isBusy = false;
        }
        return refreshApex(this.wired);
    }
}

// A message, and the person's answer below it.
function linesOf({ message, status, answer: reply }) {
    const sent = {
        key: message.Id,
        itemClass: OUT,
        bubbleClass: OUT_BUBBLE,
        text: message.Body__c ?? `${FROM_TEMPLATE} ${message.Template__c ?? ''}`,
        status: status ?? message.Status__c,
        moment: message.Sent_At__c ?? message.Due_At__c ?? message.CreatedDate,
        detail: detailOf(message),
        price: message.Price__c,
        currency: message.Currency__c
    };
    if (!message.Replied_At__c) {
        return [sent];
    }
    const answer = {
        key: `${message.Id}-answer`,
        itemClass: IN,
        bubbleClass: IN_BUBBLE,
        text: message.Reply__c ?? reply,
        status: reply ?? ANSWERED,
        moment: message.Replied_At__c
    };
    return [sent, answer];
}

function detailOf(message) {
    if (message.Reason__c) {
        return message.Reason__c;
    }
    if (message.Clicked_At__c) {
        return LINK_OPENED;
    }
    return message.Status__c === 'scheduled' ? PLANNED_FOR : '';
}
