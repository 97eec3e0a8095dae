/* Classic checkout: tells the shop whom a cart belongs to as soon as the number or the address is typed. */
( function ( settings ) {
	var names = [ 'billing_phone', 'billing_email', 'billing_first_name', 'billing_country', 'relance_sms' ];
	var last = '';

	function tell() {
		var body = {};
		var said;
		names.forEach( function ( name ) {
			var field = document.querySelector( '[name="' + name + '"]' );
			if ( field ) {
				body[ name ] = field.type === 'checkbox' ? ( field.checked ? '1' : '0' ) : field.value;
			}
		} );
		said = JSON.stringify( body );
		if ( said === last || ( ! body.billing_phone && ! body.billing_email ) ) {
			return;
		}
		last = said;
		fetch( settings.address, {
			method: 'POST',
			credentials: 'same-origin',
			keepalive: true,
			headers: { 'Content-Type': 'application/json', 'X-WP-Nonce': settings.nonce },
			body: said,
		} ).catch( function () {
			last = '';
		} );
	}

	document.addEventListener( 'change', function ( event ) {
		if ( event.target && names.indexOf( event.target.name ) !== -1 ) {
			tell();
		}
	} );
} )( window.relanceCheckout );
