/* The opt-in block in the editor: its words at the side, what visitors will see in the middle. */
( function ( blocks, element, editor, components, i18n, ServerSideRender ) {
	var el = element.createElement;
	var __ = i18n.__;

	blocks.registerBlockType( 'relance/optin', {
		edit: function ( props ) {
			function field( name, label ) {
				return el( components.TextControl, {
					label: label,
					value: props.attributes[ name ],
					onChange: function ( value ) {
						var change = {};
						change[ name ] = value;
						props.setAttributes( change );
					},
				} );
			}
			return el(
				'div',
				editor.useBlockProps(),
				el(
					editor.InspectorControls,
					null,
					el(
						components.PanelBody,
						{ title: __( 'Words', 'relance' ) },
						field( 'title', __( 'Title', 'relance' ) ),
						field( 'button', __( 'Words on the button', 'relance' ) ),
						el( components.ToggleControl, {
							label: __( 'Ask for a first name', 'relance' ),
							checked: props.attributes.name === 'yes',
							onChange: function ( on ) {
								props.setAttributes( { name: on ? 'yes' : 'no' } );
							},
						} )
					)
				),
				el( components.Disabled, null, el( ServerSideRender, { block: 'relance/optin', attributes: props.attributes } ) )
			);
		},
		save: function () {
			return null;
		},
	} );
} )( window.wp.blocks, window.wp.element, window.wp.blockEditor, window.wp.components, window.wp.i18n, window.wp.serverSideRender );
