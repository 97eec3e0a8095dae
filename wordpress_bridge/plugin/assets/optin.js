/* The opt-in form without leaving the page. Without this file it works all the same, by one page more. */
( function () {
	function prepare( box ) {
		var ask = box.querySelector( '.relance-ask' );
		var check = box.querySelector( '.relance-check' );
		var said = box.querySelector( '.relance-said' );

		function send( form, then ) {
			form.addEventListener( 'submit', function ( event ) {
				var body = {};
				var button = form.querySelector( 'button' );
				event.preventDefault();
				new FormData( form ).forEach( function ( value, name ) {
					body[ name ] = value;
				} );
				button.disabled = true;
				fetch( form.dataset.rest, {
					method: 'POST',
					credentials: 'omit',
					headers: { 'Content-Type': 'application/json' },
					body: JSON.stringify( body ),
				} )
					.then( function ( answer ) {
						return answer.json();
					} )
					.then( function ( answer ) {
						button.disabled = false;
						said.textContent = answer.words || '';
						then( answer );
					} )
					.catch( function () {
						// The long way round never needs this script.
						form.submit();
					} );
			} );
		}

		send( ask, function ( answer ) {
			if ( answer.step === 'code' ) {
				ask.hidden = true;
				check.hidden = false;
				check.elements.token.value = answer.token;
				check.elements.code.focus();
			}
		} );
		send( check, function ( answer ) {
			if ( answer.step === 'done' ) {
				check.hidden = true;
			}
		} );
	}

	Array.prototype.forEach.call( document.querySelectorAll( '.relance-optin' ), prepare );
} )();
